import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HELPER_PATH } from "../../scripts/build-native.ts";
import { isAlive, type LaunchOptions, type ProcessIdentity, readLog } from "../../src/supervise/index.ts";
import { until } from "../support/daemon.ts";
import { bootId, collect, Fixture } from "./supervise-fixture.ts";

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const sh = (script: string): string[] => ["sh", "-c", script];

async function daemonWith(
  options: LaunchOptions,
  how: "started" | "unstarted" = "started",
): Promise<{ child: ChildProcess; init: ProcessIdentity; monitor: ProcessIdentity }> {
  const path = `${options.exitPath}.options`;
  writeFileSync(
    path,
    JSON.stringify(options, (_, value) => {
      if (typeof value === "bigint") return { $bigint: value.toString() };
      return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString("base64") } : value;
    }),
  );
  const child = spawn(process.execPath, [join(import.meta.dir, "supervise-recover-child.ts"), HELPER_PATH, path, how], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return { child, ...JSON.parse(text.toString()) };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function logOf(directory: string): Promise<string> {
  let text = "";
  for await (const { bytes } of readLog(() => directory)) text += Buffer.from(bytes).toString();
  return text;
}

describe("when the daemon is killed", () => {
  test("a running container goes on; the next daemon finds it, its log, its end", async () => {
    const log = { directory: fixture.path("log-1"), maxSizeBytes: 1_000_000, maxFiles: 2 };
    const script = "echo before; read line; echo after $line; exit 4";
    const options = fixture.options(fixture.plan(fixture.spec(sh(script))), { log, openStdin: true });
    const { child, init, monitor } = await daemonWith(options);
    await kill(child);
    expect(isAlive(init, bootId)).toBe(true);
    const found = await fixture.supervisor.recover({ ...options, init, monitor });
    if (!("attach" in found)) throw new Error("no monitor");
    expect([found.init, found.monitor]).toEqual([init, monitor]);
    const attachment = await found.attach({ stdin: true, stdout: true, stderr: true });
    const output = collect(attachment.output);
    await attachment.write(Buffer.from("all\n"));
    expect((await output).stdout.endsWith("after all\n")).toBe(true);
    expect((await found.exited).exitCode).toBe(4);
    expect(await logOf(log.directory)).toBe("before\nafter all\n");
  });

  test("a container that ends meanwhile has its exit code and every line", async () => {
    const log = { directory: fixture.path("log-2"), maxSizeBytes: 10_000_000, maxFiles: 2 };
    const options = fixture.options(fixture.plan(fixture.spec(sh("seq 1 50000; exit 6"))), { log });
    const { child, init, monitor } = await daemonWith(options);
    await kill(child);
    const found = await fixture.supervisor.recover({ ...options, init, monitor });
    const record = "exited" in found ? await found.exited : found;
    expect(record.exitCode).toBe(6);
    expect((await logOf(log.directory)).trimEnd().split("\n").map(Number)).toEqual(
      Array.from({ length: 50000 }, (_, index) => index + 1),
    );
    expect(existsSync(options.socketPath)).toBe(false);
  });

  test("a container that was not let go is given up by its monitor, without anybody's help", async () => {
    const options = fixture.options(fixture.plan(fixture.spec(["sleep", "100"])));
    const { child, init, monitor } = await daemonWith(options, "unstarted");
    expect(isAlive(init, bootId)).toBe(true);
    await kill(child);
    await until("both are gone", () => !isAlive(init, bootId) && !isAlive(monitor, bootId));
    expect([existsSync(options.socketPath), existsSync(options.exitPath)]).toEqual([false, false]);
    expect(existsSync(`${options.exitPath}.tmp`)).toBe(false);
  });

  test("signals to its group reach neither monitor nor container", async () => {
    const options = fixture.options(fixture.plan(fixture.spec(["sleep", "100"])));
    const { child, init, monitor } = await daemonWith(options);
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.kill(monitor.pid, signal);
    await kill(child);
    const found = await fixture.supervisor.recover({ ...options, init, monitor });
    if (!("exited" in found)) throw new Error("no monitor");
    process.kill(init.pid, "SIGKILL");
    expect((await found.exited).exitCode).toBe(137);
  });
});

describe("when the monitor is killed", () => {
  test("the container is ended and recorded as 137", async () => {
    const options = fixture.options(fixture.plan(fixture.spec(["sleep", "100"])));
    const monitor = await fixture.launch(options);
    await monitor.start();
    process.kill(monitor.monitor.pid, "SIGKILL");
    const record = await monitor.exited;
    expect([record.exitCode, record.monitorLost, isAlive(monitor.init, bootId)]).toEqual([137, true, false]);
    expect(JSON.parse(readFileSync(options.exitPath, "utf8")).exitCode).toBe(137);
    const again = await fixture.supervisor.recover({ ...options, init: monitor.init, monitor: monitor.monitor });
    expect("exitCode" in again && again.exitCode).toBe(137);
  });

  test("an init that waits for its start ends by itself", async () => {
    const monitor = await fixture.launch(fixture.options(fixture.plan(fixture.spec(["sleep", "100"]))));
    await monitor.ready();
    process.kill(monitor.monitor.pid, "SIGKILL");
    expect((await monitor.exited).exitCode).toBe(137);
    await expect(monitor.start()).rejects.toThrow();
  });

  test("another process that has the pid now is left alone", async () => {
    const innocent = spawn("sleep", ["100"]);
    const init = { bootId, pid: innocent.pid ?? 0, startTime: 1 };
    const record = await fixture.supervisor.recover({
      socketPath: fixture.path("no.sock"),
      exitPath: fixture.path("no.exit"),
      init,
    });
    expect("exitCode" in record && record.exitCode).toBe(137);
    expect(innocent.exitCode).toBeNull();
    innocent.kill();
  });
});

describe("a disconnected daemon", () => {
  test("gets through although as many as may are attached, and one more is told so", async () => {
    const options = fixture.options(fixture.plan(fixture.spec(["sleep", "100"])));
    const first = await fixture.launch(options);
    await first.start();
    const all = { stdin: false, stdout: true, stderr: true };
    const attached = [];
    for (let count = 0; count < 20; count++) attached.push(await first.attach(all));
    await expect(first.attach(all)).rejects.toThrow("EBUSY");
    first.disconnect();
    const second = await fixture.supervisor.recover({ ...options, init: first.init, monitor: first.monitor });
    if (!("exited" in second)) throw new Error("no monitor");
    process.kill(second.init.pid, "SIGKILL");
    expect((await second.exited).exitCode).toBe(137);
    for (const attachment of attached) attachment.close();
  });

  test("finds the container again and can resize and attach", async () => {
    const options = fixture.options(fixture.plan(fixture.spec(["sleep", "100"], {}, { terminal: true })), {
      tty: true,
    });
    const first = await fixture.launch(options);
    await first.start();
    first.disconnect();
    const second = await fixture.supervisor.recover(options);
    if (!("exited" in second)) throw new Error("no monitor");
    await second.ready();
    await second.resize({ width: 10, height: 10 });
    await expect(second.start()).rejects.toThrow("EALREADY");
    await expect(second.abandon()).rejects.toThrow("started");
    process.kill(second.init.pid, "SIGKILL");
    expect((await second.exited).signal).toBe(9);
  });
});

test("a grandchild of the host's pid namespace that keeps stdout open delays the end by two seconds at most", async () => {
  const spec = fixture.spec(sh("sleep 20 & echo done"), {
    linux: { namespaces: (["network", "ipc", "uts", "mount"] as const).map((type) => ({ type })) },
  });
  const begin = performance.now();
  const { record, stdout } = await fixture.run(fixture.plan(spec));
  expect([record.exitCode, stdout]).toEqual([0, "done\n"]);
  expect(performance.now() - begin).toBeLessThan(3500);
});
