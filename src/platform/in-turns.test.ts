import { expect, test } from "bun:test";
import fc from "fast-check";
import { inTurns, type Steps, sortedInSteps } from "./in-turns.ts";

test("long work is left every few milliseconds for whatever else there is, and gives its result", async () => {
  let nowMs = 0;
  const seen: number[] = [];
  function* count(): Steps<string> {
    for (let step = 1; step <= 20; step += 1) {
      nowMs += 1;
      seen.push(step);
      yield;
    }
    return "done";
  }
  const seenBetween: number[] = [];
  const look = (): void => {
    seenBetween.push(seen.length);
    if (seen.length < 20) setImmediate(look);
  };
  setImmediate(look);
  expect(await inTurns(count(), { now: () => nowMs })).toBe("done");
  expect(seenBetween.slice(0, 4)).toEqual([5, 10, 15, 20]);
});

test("a signal ends it between two turns", async () => {
  const ended = new AbortController();
  function* endless(): Steps<never> {
    for (;;) yield;
  }
  const working = inTurns(endless(), { now: performance.now.bind(performance), signal: ended.signal });
  setImmediate(() => ended.abort(new Error("enough")));
  await expect(working).rejects.toThrow("enough");
});

test("sorting in steps gives what sorting gives, equal ones in their order", () => {
  const pair = fc.record({ key: fc.nat(5), place: fc.nat() });
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 100 }), (pairs) => {
      const byKey = (left: { readonly key: number }, right: { readonly key: number }): number => left.key - right.key;
      const work = sortedInSteps(pairs, byKey);
      let step = work.next();
      while (step.done !== true) step = work.next();
      expect(step.value).toEqual(pairs.toSorted(byKey));
    }),
  );
});
