import { afterAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../../src/errors/gantry-error.ts";
import { State } from "../../src/state/state.ts";
import { skipReason } from "../support/command.ts";

const reason = skipReason({ root: true });
if (reason !== undefined) console.log(`skipped: ${reason}`);
const things = { number: 200, title: "things", sql: "CREATE TABLE things (name TEXT, value TEXT) STRICT" };
const disk = mkdtempSync(join(tmpdir(), "gantry-disk-"));
if (reason === undefined) execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]);
afterAll(() => {
  if (reason === undefined) execFileSync("umount", ["-l", disk]);
  rmSync(disk, { recursive: true });
});

function open(): State {
  return State.open(join(disk, "state.db"), { migrations: [things], now: () => 0 });
}

function fill(): void {
  const file = openSync(join(disk, "fill"), "a");
  const bytes = Buffer.alloc(4096);
  const write = (): boolean => {
    try {
      return writeSync(file, bytes) > 0;
    } catch {
      return false;
    }
  };
  while (write()) {}
  closeSync(file);
}

/** What stopping and removing containers writes: rows change and go, events come. */
function work(state: State, turns: number): void {
  for (let turn = 0; turn < turns; turn++) {
    state.transaction(() => {
      state.db.query("INSERT INTO things VALUES (?, ?)").run(`${turn}`, "x".repeat(2000));
      state.events.append({ type: "container", action: "die", actorId: "c", attributes: {}, timeNs: BigInt(turn) });
    });
    state.transaction(() => state.db.query("DELETE FROM things WHERE name = ?").run(`${turn}`));
  }
}

describe.skipIf(reason !== undefined)("a full disk", () => {
  test("leaves the database room for what frees the disk again, before and after a restart", () => {
    const first = open();
    fill();
    work(first, 500);
    first.close();
    fill();
    {
      using second = open();
      fill();
      work(second, 500);
      expect(second.db.query("SELECT count(*) AS events FROM events").get()).toEqual({ events: 1000 });
    }
  });

  test("is said in words when the room is used up, and nothing of that transaction stays", () => {
    using state = open();
    fill();
    const insert = () =>
      state.transaction(() => {
        for (let turn = 0; turn < 3000; turn++) {
          state.db.query("INSERT INTO things VALUES (?, ?)").run("big", "x".repeat(4000));
        }
      });
    expect(insert).toThrow(
      expect.objectContaining({ code: "exhausted", message: "cannot write the database: no space left on device" }),
    );
    expect(state.db.query("SELECT count(*) AS things FROM things").get()).toEqual({ things: 0 });
    work(state, 10);
  });

  test("takes no new database, and is told with what to do", () => {
    fill();
    const path = join(disk, "new.db");
    let told: unknown;
    try {
      State.open(path, { migrations: [things], now: () => 0 });
    } catch (error) {
      told = error;
    }
    expect(formatError(told)).toBe(
      `cannot open the database ${path}: no space left on device: database or disk is full (free some space, or use a --root on a larger disk)`,
    );
  });
});
