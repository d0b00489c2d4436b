import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { State } from "../../state/state.ts";
import { ENGINE_MIGRATIONS } from "../engine-migrations.ts";
import { ExitMemory } from "./exit-memory.ts";

const MINUTE_NS = 60_000_000_000n;
const folder = mkdtempSync(join(tmpdir(), "gantry-exit-memory-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("an end is kept for ten minutes, then forgotten", () => {
  using state = State.open(join(folder, "state.db"), { migrations: ENGINE_MIGRATIONS, now: Date.now });
  let nowNs = 0n;
  const memory = new ExitMemory(state, () => nowNs);
  const exit = { exitCode: 3, hasLog: true, isTerminal: false };
  memory.remember("a", exit);
  nowNs = 9n * MINUTE_NS;
  memory.remember("b", { ...exit, exitCode: 0 });
  expect([memory.recall("a"), memory.recall("b")?.exitCode]).toEqual([exit, 0]);
  nowNs = 10n * MINUTE_NS;
  expect(memory.recall("a")).toBeUndefined();
  memory.prune();
  expect(state.db.query("SELECT id FROM engine_exits").values()).toEqual([["b"]]);
});
