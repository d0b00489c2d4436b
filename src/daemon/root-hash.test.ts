import { expect, test } from "bun:test";
import { hashRoot } from "./root-hash.ts";

test("roots differ in eight hexadecimal digits", () => {
  expect(hashRoot("/a")).toMatch(/^[0-9a-f]{8}$/);
  expect(hashRoot("/a")).not.toBe(hashRoot("/b"));
});
