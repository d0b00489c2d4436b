import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { encodeCapabilityMask, parseAvailableCapabilities, parseCapabilityMask } from "./capability-mask.ts";
import { CAPABILITY_NAMES } from "./capability-names.ts";
import { DEFAULT_CAPABILITIES } from "./default-capabilities.ts";

describe("capability masks", () => {
  test("Docker's default set is the mask that every guide shows", () => {
    expect(encodeCapabilityMask(DEFAULT_CAPABILITIES)).toBe(0xa80425fbn);
    expect(parseCapabilityMask("00000000a80425fb")).toEqual(DEFAULT_CAPABILITIES);
  });

  test("decoding is the inverse of encoding, and unnamed bits are left out", () => {
    fc.assert(
      fc.property(fc.subarray([...CAPABILITY_NAMES]), (names) => {
        const mask = encodeCapabilityMask(names) | (1n << 63n);
        expect(parseCapabilityMask(mask.toString(16))).toEqual(names);
      }),
    );
  });

  test("what is not a mask is refused", () => {
    for (const text of ["", "0x1", "12345678901234567", "-1", "g"])
      expect(() => parseCapabilityMask(text)).toThrow("not a capability mask");
  });

  test("a process can hand on what is both bounding and permitted", () => {
    const status = "Name:\tx\nCapInh:\t0\nCapPrm:\t0000000000000003\nCapEff:\t0\nCapBnd:\t0000000000000006\n";
    expect(parseAvailableCapabilities(status)).toEqual(["CAP_DAC_OVERRIDE"]);
    expect(() => parseAvailableCapabilities("CapPrm:\t1\n")).toThrow("CapBnd");
    expect(Array.isArray(parseAvailableCapabilities(readFileSync("/proc/self/status", "utf8")))).toBe(true);
  });
});
