import { expect, test } from "bun:test";
import fc from "fast-check";
import { DEFAULT_DETACH_KEYS, DetachKeysFilter, parseDetachKeys } from "./detach-keys.ts";

test("keys are characters or control characters", () => {
  expect([...parseDetachKeys(DEFAULT_DETACH_KEYS)]).toEqual([16, 17]);
  expect([...parseDetachKeys("a,ctrl-@,ctrl-\\,ctrl-_")]).toEqual([97, 0, 28, 31]);
  for (const bad of ["", "ctrl-", "ctrl-A", "ab", "a,", "é"]) {
    expect(() => parseDetachKeys(bad)).toThrow("invalid detach keys");
  }
});

test("a broken sequence is passed on, a complete one is not, however it is cut into pieces", () => {
  const keys = fc.array(fc.constantFrom(1, 2), { minLength: 1, maxLength: 4 });
  const typed = fc.array(fc.array(fc.constantFrom(1, 2, 3), { maxLength: 4 }), { maxLength: 8 });
  fc.assert(
    fc.property(keys, typed, (sequence, pieces) => {
      const all: readonly number[] = pieces.flat();
      const at = all.findIndex((_, index) => sequence.every((key, offset) => all[index + offset] === key));
      const filter = new DetachKeysFilter(Uint8Array.from(sequence));
      const passed: number[] = [];
      let hasDetached = false;
      for (const piece of pieces) {
        const result = filter.push(Uint8Array.from(piece));
        passed.push(...result.bytes);
        hasDetached = result.hasDetached;
        if (hasDetached) break;
      }
      expect(hasDetached).toBe(at !== -1);
      const expected = at === -1 ? all : all.slice(0, at);
      // Without a detachment the end may still be held back, since it may be the start of the sequence.
      expect<readonly number[]>(expected.slice(0, passed.length)).toEqual(passed);
      const heldBytes: number = at === -1 ? sequence.length : 1;
      expect(expected.length - passed.length).toBeLessThan(heldBytes);
    }),
  );
});
