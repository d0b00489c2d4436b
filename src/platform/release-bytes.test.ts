import { expect, test } from "bun:test";
import { releaseBytes } from "./release-bytes.ts";

test("bytes that are all of their buffer are given back; a part of one that others may use is not", () => {
  const whole = new Uint8Array([1, 2, 3]);
  releaseBytes(whole);
  expect(whole.byteLength).toBe(0);
  const shared = new Uint8Array([1, 2, 3]);
  releaseBytes(shared.subarray(1));
  expect([...shared]).toEqual([1, 2, 3]);
});
