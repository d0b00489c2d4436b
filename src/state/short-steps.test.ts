import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shortSteps } from "./short-steps.ts";
import { State } from "./state.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-steps-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const migrations = [{ number: 200, title: "numbers", sql: "CREATE TABLE numbers (n INTEGER PRIMARY KEY) STRICT" }];

function open(count: number, now: () => number) {
  const state = State.open(join(mkdtempSync(join(scratch, "s")), "state.db"), { migrations, now });
  state.db.run(
    "WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up LIMIT ?) INSERT INTO numbers SELECT n FROM up",
    [count],
  );
  const query = state.db.query<{ n: number }, [number, number]>("SELECT n FROM numbers WHERE n > ? ORDER BY n LIMIT ?");
  const page = (last: { readonly n: number } | undefined, limit: number) => query.all(last?.n ?? 0, limit);
  return { state, page, left: () => state.db.query<{ n: number }, []>("SELECT count(*) AS n FROM numbers").get()?.n };
}

test.each([0, 1, 500, 501, 1000])("all of %d rows are looked at once, and what is taken is told of", async (count) => {
  const { state, page, left } = open(count, () => 0);
  const isOdd = (n: number): boolean => n % 2 === 1;
  const seen: number[] = [];
  const take = ({ n }: { readonly n: number }): boolean => {
    seen.push(n);
    if (isOdd(n)) state.db.run("DELETE FROM numbers WHERE n = ?", [n]);
    return isOdd(n);
  };
  const told = (await Array.fromAsync(shortSteps(state, { page, take }))).flat().map(({ n }) => n);
  const all = Array.from({ length: count }, (_, index) => index + 1);
  expect([seen, told, left()]).toEqual([all, all.filter(isOdd), Math.floor(count / 2)]);
});

test("a step that takes long ends, others have their turn, and a signal ends it between two", async () => {
  let nowMs = 0;
  const { state, page } = open(10, () => nowMs);
  const end = new AbortController();
  const sizes: number[] = [];
  const take = (): boolean => {
    nowMs += 2;
    return true;
  };
  const work = async (): Promise<void> => {
    for await (const rows of shortSteps(state, { page, take, signal: end.signal })) {
      sizes.push(rows.length);
      if (sizes.length === 2) setImmediate(() => end.abort(new Error("enough")));
    }
  };
  await expect(work()).rejects.toThrow("enough");
  expect(sizes).toEqual([3, 3]);
});

test("a step that fails changes nothing", async () => {
  const { state, page, left } = open(3, () => 0);
  const take = ({ n }: { readonly n: number }): boolean => {
    if (n === 3) throw new Error("no");
    state.db.run("DELETE FROM numbers WHERE n = ?", [n]);
    return true;
  };
  await expect(Array.fromAsync(shortSteps(state, { page, take }))).rejects.toThrow("no");
  expect(left()).toBe(3);
});
