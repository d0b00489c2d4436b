import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "../platform/sqlite.ts";
import type { Migration } from "./migration.ts";
import { State } from "./state.ts";

const TABLE: Migration = {
  number: 900,
  title: "test",
  sql: "CREATE TABLE words (word TEXT PRIMARY KEY CHECK (word <> ''))",
};

function openTestState(): { readonly state: State } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "gantry-group-"));
  const state = State.open(join(folder, "db"), { migrations: [TABLE], now: () => 0 });
  return {
    state,
    [Symbol.dispose]() {
      state.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const insert = (state: State, word: string): unknown => state.db.run("INSERT INTO words VALUES (?)", [word]);
const words = (state: State): readonly string[] =>
  state.db
    .query<{ word: string }, []>("SELECT word FROM words ORDER BY word")
    .all()
    .map(({ word }) => word);
test("what is asked for in one turn is committed once, and what throws is rolled back alone", async () => {
  using opened = openTestState();
  const { state } = opened;
  using watcher = new Database(state.db.filename);
  const versions = (): number =>
    watcher.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? 0;
  const before = versions();
  const outcomes = await Promise.allSettled([
    state.transactionTogether(() => insert(state, "a") && "first"),
    state.transactionTogether(() => {
      insert(state, "b");
      throw new Error("not b");
    }),
    state.transactionTogether(() => insert(state, "c") && "third"),
  ]);
  expect(outcomes.map((one) => (one.status === "fulfilled" ? one.value : String(one.reason)))).toEqual([
    "first",
    "Error: not b",
    "third",
  ]);
  expect(words(state)).toEqual(["a", "c"]);
  expect(versions() - before).toBe(1);
});

test("nothing is there before the commit, and a commit that fails fails for all", async () => {
  using opened = openTestState();
  const { state } = opened;
  const both = Promise.allSettled([
    state.transactionTogether(() => insert(state, "a")),
    state.transactionTogether(() => {
      // As SQLite itself does when the disk is full.
      state.db.run("ROLLBACK");
      throw new Error("database or disk is full");
    }),
    state.transactionTogether(() => insert(state, "c")),
  ]);
  expect(words(state)).toEqual([]);
  expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(words(state)).toEqual([]);
  expect(await state.transactionTogether(() => insert(state, "d") && words(state))).toEqual(["d"]);
});
