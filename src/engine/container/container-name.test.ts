import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseContainerName, randomContainerName } from "./container-name.ts";

describe("parseContainerName", () => {
  test("takes Docker's names, with a leading slash too", () => {
    expect(["web", "/web", "a.b_c-1"].map(parseContainerName)).toEqual(["web", "web", "a.b_c-1"]);
  });

  test("refuses others in Docker's words", () => {
    for (const name of ["", "a", "-a", "a b", "a/b", "../etc", "é", "a\n", "x".repeat(256)]) {
      expect(() => parseContainerName(name)).toThrow(
        `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
    }
  });
});

test("random names are valid names, whatever the random bytes and the attempt", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(50), (bytes, attempt) => {
      const name = randomContainerName(bytes, attempt);
      expect(parseContainerName(name)).toBe(name);
      expect(name).toMatch(/^[a-z]+_[a-z]+[0-9]*$/);
    }),
  );
});
