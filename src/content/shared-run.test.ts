import { expect, test } from "bun:test";
import { SharedRun } from "./shared-run.ts";

test("a run serves those who asked before it began, and nobody who asked later", async () => {
  const begun: PromiseWithResolvers<void>[] = [];
  const shared = new SharedRun(() => {
    const one = Promise.withResolvers<void>();
    begun.push(one);
    return one.promise;
  });
  const told: string[] = [];
  const ask = (name: string): Promise<unknown> => shared.run().then(() => told.push(name));
  const [first, second] = [ask("first"), ask("second")];
  await Promise.resolve();
  expect(begun.length).toBe(1);
  const [third, fourth] = [ask("third"), ask("fourth")];
  await Promise.resolve();
  expect(begun.length).toBe(1);
  begun[0]?.resolve();
  await Promise.all([first, second]);
  expect(told).toEqual(["first", "second"]);
  await Bun.sleep(0);
  begun[1]?.resolve();
  await Promise.all([third, fourth]);
  expect([begun.length, told.length]).toEqual([2, 4]);
});

test("a run that fails fails for those whom it served; the next one is tried anew", async () => {
  let count = 0;
  const shared = new SharedRun(async () => {
    count += 1;
    if (count === 1) throw new Error("no space");
  });
  const outcomes = await Promise.allSettled([shared.run(), shared.run()]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await shared.run();
  expect(count).toBe(2);
});
