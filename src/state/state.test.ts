import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Event } from "./event-log.ts";
import type { Migration } from "./migration.ts";
import { lockRoot } from "./root-lock.ts";
import { State } from "./state.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-state-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const things: Migration = {
  number: 200,
  title: "things",
  sql: "CREATE TABLE things (name TEXT) STRICT; CREATE TABLE more (x TEXT)",
};
let opened = 0;

function open(migrations: readonly Migration[] = [things], path?: string): State {
  opened += 1;
  return State.open(path ?? join(scratch, `${opened}.db`), { migrations, now: () => 5000 });
}

function event(action: string, timeNs = 1n): Event {
  return { type: "image", action, actorId: "x", attributes: { name: "x" }, timeNs };
}

describe("State", () => {
  test("is read by its owner alone, one of before too: environments of containers are in it", () => {
    const path = join(scratch, "owned.db");
    const modes = (): readonly number[] =>
      [path, `${path}-wal`, `${path}-shm`].map((one) => statSync(one).mode & 0o777);
    for (const before of [undefined, 0o644]) {
      if (before !== undefined) chmodSync(path, before);
      using _ = open([things], path);
      expect(modes()).toEqual([0o600, 0o600, 0o600]);
    }
  });

  test("is migrated forward, and refuses a root of a newer one with one sentence", () => {
    const path = join(scratch, "old.db");
    open([], path).close();
    open([things], path).close();
    expect(() => open([], path)).toThrow(/used by a newer gantry \(its database has migration 200\)/);
    using state = open([things, { number: 150, title: "late", sql: "CREATE TABLE late (x TEXT)" }], path);
    expect(state.db.query("SELECT number FROM migrations ORDER BY number").all()).toHaveLength(3);
  });

  test("names a database that is cut short", () => {
    const path = join(scratch, "short.db");
    open([things], path).close();
    for (const log of ["-wal", "-shm"]) rmSync(`${path}${log}`, { force: true });
    truncateSync(path, 10_000);
    expect(() => open([things], path)).toThrow(`${path} is damaged`);
  });

  test("names a database that is cut short beside its log, wherever", () => {
    using live = open([things], join(scratch, "live.db"));
    // Since the last checkpoint this alone is in the log.
    live.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    live.transaction(() => live.events.append(event("create")));
    const { rootpage } = live.db.query("SELECT rootpage FROM sqlite_schema WHERE name = 'migrations'").get() as {
      rootpage: number;
    };
    const path = join(scratch, "short-beside-log.db");
    // The last leaves the list of the migrations, and takes their numbers.
    for (const sizeBytes of [0, 1, 4096, 4097, (rootpage - 1) * 4096 + 2000]) {
      copyFileSync(join(scratch, "live.db-wal"), `${path}-wal`);
      copyFileSync(join(scratch, "live.db"), path);
      truncateSync(path, sizeBytes);
      expect(() => open([things], path)).toThrow(`${path} is damaged`);
    }
  });

  test("is whole while what is missing of it is in its log, as after a crash", () => {
    using live = open([things], join(scratch, "grown.db"));
    live.db.run("PRAGMA wal_autocheckpoint = 0");
    live.transaction(() => live.db.run("INSERT INTO things VALUES (CAST(zeroblob(9000000) AS TEXT))"));
    const path = join(scratch, "crashed.db");
    for (const log of ["", "-wal"]) copyFileSync(join(scratch, `grown.db${log}`), `${path}${log}`);
    using state = open([things], path);
    expect(state.db.query("SELECT count(*) AS count FROM things").get()).toEqual({ count: 1 });
  });

  test("names a file that is no database", () => {
    const path = join(scratch, "foreign.db");
    writeFileSync(path, "x".repeat(5000));
    expect(() => open([], path)).toThrow(`${path} is damaged, or no database of gantry's`);
  });

  test("a transaction that throws leaves nothing, neither rows nor events", () => {
    using state = open();
    const attempt = () =>
      state.transaction(() => {
        state.db.run("INSERT INTO things VALUES ('a')");
        state.events.append(event("create"));
        throw new Error("no");
      });
    expect(attempt).toThrow("no");
    expect(state.db.query("SELECT * FROM things").all()).toEqual([]);
    expect(state.db.query("SELECT * FROM events").all()).toEqual([]);
  });
});

test("a disk that cannot be written is told in a sentence", () => {
  using state = open();
  state.db.run("PRAGMA query_only = ON");
  const write = (): unknown => state.transaction(() => state.db.run("DELETE FROM events"));
  expect(write).toThrow("cannot write the database: its disk fails, or is read-only");
});

describe("events", () => {
  test("come once and in order, the past and what follows, until the subscription ends", async () => {
    using state = open();
    state.transaction(() => state.events.append(event("early", 1n)));
    state.transaction(() => state.events.append(event("past", 20n)));
    const seen: string[] = [];
    const ends = new AbortController();
    const reading = (async () => {
      for await (const { action, seq } of state.events.subscribe({ sinceNs: 10n, signal: ends.signal })) {
        seen.push(`${seq} ${action}`);
        if (action === "past") state.transaction(() => state.events.append(event("next", 30n)));
        if (action === "next") ends.abort();
      }
    })();
    await reading;
    expect(seen).toEqual(["2 past", "3 next"]);
  });

  test("a subscription without a start has only what comes, and one with an end in the past ends", async () => {
    using state = open();
    state.transaction(() => state.events.append(event("past", 20n)));
    const live = state.events.subscribe()[Symbol.asyncIterator]();
    state.transaction(() => state.events.append(event("now", 30n)));
    expect((await live.next()).value?.action).toBe("now");
    const past: string[] = [];
    for await (const { action } of state.events.subscribe({ sinceNs: 0n, untilNs: 25n })) past.push(action);
    expect(past).toEqual(["past"]);
  });

  test("closing ends all subscriptions", async () => {
    const state = open();
    const waiting = state.events.subscribe()[Symbol.asyncIterator]().next();
    state.close();
    expect((await waiting).done).toBe(true);
  });
});

describe("lockRoot", () => {
  test("gives a root to one, says who has it, and lets it go", () => {
    const root = join(scratch, "root");
    const lock = lockRoot(root);
    expect(() => lockRoot(root)).toThrow(`${root} is in use by process ${process.pid}`);
    lock[Symbol.dispose]();
    using again = lockRoot(root);
    expect(again).toBeDefined();
  });

  test("says that a file is no root", () => {
    const file = join(scratch, "file");
    writeFileSync(file, "");
    for (const root of [file, join(file, "below")])
      expect(() => lockRoot(root)).toThrow(`cannot use ${root}: a file is in the place of a folder`);
  });
});
