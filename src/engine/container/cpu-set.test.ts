import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatCpuSet, parseCpuSet } from "./cpu-set.ts";

test("what was formatted is read back", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(8191), { minLength: 1 }), (members) => {
      const sorted = [...members].sort((a, b) => a - b);
      expect(parseCpuSet(formatCpuSet(members))).toEqual(sorted);
    }),
  );
});

test("reads lists and ranges, refuses what is none", () => {
  expect(parseCpuSet("0-2,7\n")).toEqual([0, 1, 2, 7]);
  for (const text of ["", "a", "1-", "-1", "3-1", "0,,1", "99999", "0-8192", "1:2"])
    expect(parseCpuSet(text)).toBeUndefined();
});
