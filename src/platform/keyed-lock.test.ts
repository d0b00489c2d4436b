import { expect, test } from "bun:test";
import { KeyedLock } from "./keyed-lock.ts";

test("operations on one key run in the order of asking, also after one that failed; other keys do not wait", async () => {
  const lock = new KeyedLock();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lock.run("a", async () => {
    await gate.promise;
    order.push("first");
    throw new Error("no");
  });
  const second = lock.run("a", async () => order.push("second"));
  await lock.run("b", async () => order.push("other"));
  gate.resolve();
  await expect(first).rejects.toThrow("no");
  await second;
  expect(order).toEqual(["other", "first", "second"]);
});
