import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { State } from "../../state/state.ts";
import { deliverEvents } from "./deliver-events.ts";
import { EventOutbox } from "./event-outbox.ts";
import { NOTIFICATION_MIGRATIONS } from "./notification-migrations.ts";
import { parseNotifications } from "./parse-notifications.ts";
import type { RegistryAction, RegistryEvent } from "./registry-event.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-notifications-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let opened = 0;

function openOutbox(path = join(scratch, `${++opened}.db`)) {
  const state = State.open(path, { migrations: NOTIFICATION_MIGRATIONS, now: () => 0 });
  return { path, state, outbox: new EventOutbox(state) };
}

const ONE = { name: "one", ignoredActions: [] };

const event = (id: string, action: RegistryAction = "push"): RegistryEvent => ({
  id,
  timeMs: 0,
  action,
  target: { repository: "team/app", tag: id },
  request: { id: "r", address: "192.0.2.1", host: "registry.test", method: "PUT", userAgent: "a test" },
});

/** Takes envelopes, and answers with what is next in `statuses`. */
async function listen(statuses: number[]) {
  const heard: string[] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const status = statuses.shift() ?? 200;
    if (status === 200) {
      for (const { id } of (JSON.parse(Buffer.concat(chunks).toString()) as { events: { id: string }[] }).events)
        heard.push(id);
    }
    response.writeHead(status, status === 301 ? { location: "/elsewhere" } : {}).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { heard, url, [Symbol.dispose]: () => void server.close() };
}

function deliver(outbox: EventOutbox, url: string, ignoredActions: readonly RegistryAction[] = []) {
  const end = new AbortController();
  const [pauses, warnings]: [number[], string[]] = [[], []];
  const done = deliverEvents({
    outbox,
    endpoint: { name: "one", url, headers: {}, timeoutMs: 5000, ignoredActions },
    source: { address: "registry.test:5000", instanceId: "i" },
    warn: (sentence) => warnings.push(sentence),
    signal: end.signal,
    sleep: async (ms) => void pauses.push(ms),
  });
  const stop = (): Promise<void> => {
    end.abort();
    return done;
  };
  return { pauses, warnings, stop };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("notifications", () => {
  test("tell an endpoint each event once and in order while it hears, and only from its first day on", async () => {
    using hook = await listen([]);
    const { outbox } = openOutbox();
    outbox.append(event("before"));
    const { stop } = deliver(outbox, hook.url, ["delete"]);
    for (let index = 0; index < 250; index += 1) outbox.append(event(String(index)));
    outbox.append(event("gone", "delete"));
    outbox.appendLater(event("pulled", "pull"));
    await until(() => hook.heard.includes("pulled"));
    await stop();
    expect(hook.heard).toEqual([...Array.from({ length: 250 }, (_, index) => String(index)), "pulled"]);
  });

  test("wait longer and longer for one that does not hear, say so once, and lose nothing", async () => {
    using hook = await listen([500, 301, 500]);
    const { outbox } = openOutbox();
    const { pauses, warnings, stop } = deliver(outbox, hook.url);
    outbox.append(event("a"));
    expect(outbox.pending([ONE])).toBe(1);
    await until(() => warnings.length === 2);
    await until(() => outbox.pending([ONE]) === 0);
    await stop();
    expect(hook.heard).toEqual(["a"]);
    expect(pauses).toEqual([1000, 2000, 4000]);
    expect(warnings).toEqual([
      "notifications: one does not take events, which wait: it answered 500",
      "notifications: one takes events again",
    ]);
  });

  test("say where nobody listens", async () => {
    const { url, [Symbol.dispose]: close } = await listen([]);
    close();
    const { outbox } = openOutbox();
    const { warnings, stop } = deliver(outbox, url);
    outbox.append(event("a"));
    await until(() => warnings.length > 0);
    await stop();
    expect(warnings).toEqual([
      `notifications: one does not take events, which wait: cannot reach ${new URL(url).host}: connection refused`,
    ]);
  });

  test("that somebody ignores do not wait for them", () => {
    const { outbox } = openOutbox();
    const [one, two] = [ONE, { name: "two", ignoredActions: ["pull"] as const }];
    for (const { name } of [one, two]) outbox.heard(name);
    outbox.append(event("a", "pull"));
    outbox.append(event("b", "pull"));
    outbox.append(event("c"));
    const pending = (): readonly number[] => [[one], [two], [one, two], []].map((all) => outbox.pending(all));
    expect(pending()).toEqual([3, 1, 3, 0]);
    outbox.setHeard("one", outbox.newest());
    expect(pending()).toEqual([0, 1, 1, 0]);
  });

  test("that are ignored are never told, not even when they are not ignored any more after a restart", async () => {
    using hook = await listen([]);
    const { outbox } = openOutbox();
    const ignoring = deliver(outbox, hook.url, ["pull"]);
    outbox.append(event("ignored", "pull"));
    await until(() => outbox.pending([ONE]) === 0);
    await ignoring.stop();
    const { stop } = deliver(outbox, hook.url);
    outbox.append(event("pulled", "pull"));
    await until(() => hook.heard.length > 0);
    await stop();
    expect(hook.heard).toEqual(["pulled"]);
  });

  test("go on after a restart with what was not heard, and a change that was undone is not told", async () => {
    using hook = await listen([]);
    const first = openOutbox();
    const started = deliver(first.outbox, hook.url);
    await started.stop();
    first.outbox.append(event("kept"));
    expect(() =>
      first.state.transaction(() => {
        first.outbox.append(event("undone"));
        throw new Error("the push fails");
      }),
    ).toThrow("the push fails");
    first.state.close();
    const { outbox } = openOutbox(first.path);
    const { stop } = deliver(outbox, hook.url);
    await until(() => hook.heard.length > 0);
    await stop();
    expect(hook.heard).toEqual(["kept"]);
  });

  test("outlast a database that takes nothing for a while: pulls wait, and what was heard is not told again", async () => {
    using hook = await listen([]);
    const { state, outbox } = openOutbox();
    const { warnings, stop } = deliver(outbox, hook.url);
    outbox.append(event("before"));
    await until(() => hook.heard.length === 1);
    outbox.append(event("while"));
    state.db.run("PRAGMA query_only = ON");
    outbox.appendLater(event("pulled", "pull"));
    await until(() => warnings.length > 0);
    outbox.flush();
    state.db.run("PRAGMA query_only = OFF");
    outbox.flush();
    await until(() => hook.heard.length === 3);
    await stop();
    expect(hook.heard).toEqual(["before", "while", "pulled"]);
    expect(warnings[0]).toStartWith("notifications: how far one has heard cannot be written: ");
  });
});

test("[[notifications]] names everything that is wrong", () => {
  const problems: string[] = [];
  parseNotifications(
    [{ name: "", url: "ftp://x", ignore: ["move"], headers: { a: 1 }, "timeout-seconds": 0, extra: 1 }],
    problems,
  );
  expect(problems).toEqual([
    "notifications[0].extra is not known (name, url, headers, timeout-seconds, ignore are)",
    "notifications[0].name is missing, or not a text on one line, without control characters",
    "notifications[0].url is no http or https address",
    "notifications[0].headers is not a table of texts",
    "notifications[0].timeout-seconds is not a number from 0 to 300",
    "notifications[0].ignore is not a list of push, pull, mount, delete",
  ]);
  for (const headers of [{ "a b": "c" }, { a: "c\nd" }]) {
    const one: string[] = [];
    parseNotifications([{ name: "a", url: "http://x/", headers }], one);
    expect(one).toEqual(["notifications[0].headers has a name or a value that HTTP does not allow"]);
  }
  expect(parseNotifications([{ name: "a", url: "http://x/" }], [])).toEqual([
    { name: "a", url: "http://x/", headers: {}, timeoutMs: 5000, ignoredActions: [] },
  ]);
});
