import { expect, test } from "bun:test";
import { PartBuffers } from "./part-buffers.ts";

test("who comes when all are taken waits in the order of coming, and memory is used again", async () => {
  const buffers = new PartBuffers(2, 100);
  const [first, second] = [await buffers.take(100), await buffers.take(10)];
  const order: string[] = [];
  const third = buffers.take(50).finally(() => order.push("third"));
  const fourth = buffers.take(50).finally(() => order.push("fourth"));
  await Bun.sleep(0);
  expect(order).toEqual([]);
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  expect((await third).bytes.buffer).toBe(second.bytes.buffer);
  expect(order).toEqual(["third"]);
  first[Symbol.dispose]();
  expect([(await fourth).bytes.length, order]).toEqual([50, ["third", "fourth"]]);
});

test("a part that is larger than the rule has memory for this once", async () => {
  const buffers = new PartBuffers(1, 100);
  const large = await buffers.take(1000);
  expect(large.bytes.length).toBe(1000);
  large[Symbol.dispose]();
  using next = await buffers.take(100);
  expect(next.bytes.buffer.byteLength).toBe(100);
});
