import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseContentRange, parseRange } from "./byte-range.ts";

const bytes = Array.from({ length: 40 }, (_, number) => number);

test("a range is the part that RFC 9110 says", () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(60), fc.nat(40), (first, last, sizeBytes) => {
      const whole = bytes.slice(0, sizeBytes);
      const part = (header: string): readonly number[] | undefined => {
        const range = parseRange(header, sizeBytes);
        return range === undefined || range === "unsatisfiable" ? undefined : whole.slice(range.start, range.end + 1);
      };
      const nonEmpty = (list: readonly number[]) => (list.length === 0 ? undefined : list);
      expect(part(`bytes=${first}-`)).toEqual(nonEmpty(whole.slice(first)));
      expect(part(`bytes=${first}-${last}`)).toEqual(nonEmpty(whole.slice(first, last + 1)));
      expect(part(`bytes=-${last}`)).toEqual(last === 0 ? undefined : nonEmpty(whole.slice(-last)));
    }),
  );
});

test("whatever comes is the whole, a part that is there, or nothing", () => {
  const odd = fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9,\- ]{0,40}$/), fc.constant(null));
  fc.assert(
    fc.property(odd, fc.nat(1000), (header, sizeBytes) => {
      const range = parseRange(header, sizeBytes);
      if (range === undefined || range === "unsatisfiable") return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.start).toBeLessThanOrEqual(range.end);
      expect(range.end).toBeLessThan(sizeBytes);
    }),
    { numRuns: 2000 },
  );
});

test("a Content-Range is read as the specification and as HTTP write it, and nothing else is one", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.string({ maxLength: 30 }), (first, last, odd) => {
      const expected = last < first ? undefined : { start: first, end: last };
      for (const text of [
        `${first}-${last}`,
        `bytes ${first}-${last}/*`,
        `bytes ${first}-${last}/99`,
        `bytes=${first}-${last}`,
      ]) {
        expect(parseContentRange(text)).toEqual(expected);
      }
      const found = parseContentRange(odd);
      if (found !== undefined) expect(Number.isSafeInteger(found.start) && found.end >= found.start).toBe(true);
    }),
  );
  for (const text of ["", "-", "1-", "-1", "1-2,3-4", "0x1-2", "1.5-2", `0-${"9".repeat(16)}`]) {
    expect(parseContentRange(text)).toBeUndefined();
  }
});
