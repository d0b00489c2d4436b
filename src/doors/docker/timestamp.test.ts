import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatLogTimestamp, formatTimestamp, parseTimestamp, ZERO_TIME } from "./timestamp.ts";

test("times are told as Go tells them", () => {
  expect(formatTimestamp(undefined)).toBe(ZERO_TIME);
  expect(formatTimestamp(1_767_323_045_000_000_000n)).toBe("2026-01-02T03:04:05Z");
  expect(formatTimestamp(1_767_323_045_120_000_000n)).toBe("2026-01-02T03:04:05.12Z");
  expect(formatLogTimestamp(1_767_323_045_120_000_000n)).toBe("2026-01-02T03:04:05.120000000Z");
});

test("what is told is read again to the nanosecond", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 4_000_000_000_000_000_000n), (timeNs) => {
      expect(parseTimestamp(formatTimestamp(timeNs), "since")).toBe(timeNs);
      const digits = timeNs.toString().padStart(10, "0");
      expect(parseTimestamp(`${digits.slice(0, -9)}.${digits.slice(-9)}`, "since")).toBe(timeNs);
    }),
  );
});

test("what is no time is refused by the parameter's name", () => {
  expect(parseTimestamp("2026-01-02T03:04:05+01:00", "since")).toBe(1_767_319_445_000_000_000n);
  for (const bad of ["yesterday", "1.", "-1", "2026-13-02T03:04:05Z", "1e3", "9".repeat(40)]) {
    expect(() => parseTimestamp(bad, "until")).toThrow('invalid value for "until"');
  }
});
