import { expect, test } from "bun:test";
import { GantryError } from "../../errors/gantry-error.ts";
import { BucketProbe } from "./bucket-probe.ts";

test("a bucket is asked once for all who want to know, again after two seconds, and the operator hears of changes", async () => {
  let timeMs = 0;
  let isAway = false;
  let asked = 0;
  const warnings: string[] = [];
  const probe = new BucketProbe({
    ask: async () => {
      asked += 1;
      await Bun.sleep(1);
      if (isAway) throw new GantryError("unavailable", "it is away");
    },
    nowMs: () => timeMs,
    warn: (sentence) => void warnings.push(sentence),
  });
  const answers = (): Promise<readonly string[]> =>
    Promise.all([1, 2, 3].map(async () => (await probe.look())?.message ?? "yes"));
  const story: unknown[] = [];
  for (const [laterMs, away] of [
    [0, false],
    [1999, true],
    [1, true],
    [2000, true],
    [2000, false],
  ] as const) {
    timeMs += laterMs;
    isAway = away;
    story.push([...new Set(await answers()), asked]);
  }
  expect(story).toEqual([
    ["yes", 1],
    ["yes", 1],
    ["it is away", 2],
    ["it is away", 3],
    ["yes", 4],
  ]);
  expect(warnings).toEqual([
    "the registry is not ready: it is away",
    "the registry is ready again: its bucket answers",
  ]);
});
