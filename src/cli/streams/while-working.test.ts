import { expect, test } from "bun:test";
import { whileWorking } from "./while-working.ts";

async function all<M>(messages: AsyncIterable<M>): Promise<M[]> {
  const list: M[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

test("what work tells is a stream that ends with it, also where it fails", async () => {
  const done = whileWorking<number, string>(async (tell) => {
    tell(1);
    await Promise.resolve();
    tell(2);
    return "done";
  });
  expect(await all(done.messages)).toEqual([1, 2]);
  expect(await done.result).toBe("done");
  const failed = whileWorking<number, string>(async (tell) => {
    tell(1);
    throw new Error("no");
  });
  expect(await all(failed.messages)).toEqual([1]);
  await expect(failed.result).rejects.toThrow("no");
});
