import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseNumberList } from "./number-list.ts";

test("reads what the kernel reads", () => {
  expect(parseNumberList("7,0-3, 2\n", 9)).toEqual([0, 1, 2, 3, 7]);
});

test.each(["", ",", "1-", "-1", "3-2", "10", "0-10", "a", "1,,2", "0x1"])("is none: %p", (text) => {
  expect(parseNumberList(text, 9)).toBeUndefined();
});

test("any list of numbers is what it was made of", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(8191), { minLength: 1, maxLength: 64 }), (numbers) => {
      expect(parseNumberList(numbers.join(","), 8191)).toEqual([...numbers].sort((a, b) => a - b));
    }),
  );
});

test("any text at all gives numbers in range and in order, or none", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."0123456789,- x") }), (text) => {
      const list = parseNumberList(text, 500) ?? [];
      expect(list.every((value, index) => value >= 0 && value <= 500 && value > (list[index - 1] ?? -1))).toBe(true);
    }),
  );
});
