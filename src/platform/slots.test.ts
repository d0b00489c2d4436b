import { expect, test } from "bun:test";
import { Slots } from "./slots.ts";

test("slots are given in the order in which they were asked for, and never more than there are", async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  let [now, most] = [0, 0];
  const work = (id: number): Promise<void> =>
    slots.run(async () => {
      order.push(id);
      now += 1;
      most = Math.max(most, now);
      await Bun.sleep(id === 0 ? 20 : 1);
      now -= 1;
    });
  await Promise.all(Array.from({ length: 10 }, (_, id) => work(id)));
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(most).toBe(2);
});

test("a slot that is given back twice is one", async () => {
  const slots = new Slots(1);
  const first = await slots.take();
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await slots.take();
  expect(await Promise.race([slots.take().then(() => "second"), Bun.sleep(20).then(() => "none")])).toBe("none");
});

test("work that fails gives its slot back", async () => {
  const slots = new Slots(1);
  await slots.run(() => Promise.reject(new Error("broke"))).catch(() => undefined);
  expect(await slots.run(async () => "next")).toBe("next");
});
