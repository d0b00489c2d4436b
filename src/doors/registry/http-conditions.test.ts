import { expect, test } from "bun:test";
import fc from "fast-check";
import { digestOf } from "../../oci/hash-digest.ts";
import { entityTag, isNotModified, requireConditions, requireMatch } from "./http-conditions.ts";

const ours = digestOf("ours");
const item = fc.oneof(
  fc.constantFrom(`"${ours}"`, `W/"${ours}"`, ours),
  fc.string({ maxLength: 8 }).map((text) => `"${text.replaceAll(/[^!-~]|[",]/g, "")}"`),
);
const list = fc.array(item, { minLength: 1, maxLength: 5 });
const lists = (items: readonly string[]): boolean => items.some((text) => text.includes(ours));

function fails(check: () => void): boolean {
  try {
    check();
    return false;
  } catch {
    return true;
  }
}

test("a list of entity tags holds exactly if ours is among them, strong or weak", () => {
  fc.assert(
    fc.property(list, (items) => {
      const text = items.join(" , ");
      const [match, noneMatch] = [new Headers({ "if-match": text }), new Headers({ "if-none-match": text })];
      expect(isNotModified(noneMatch, ours)).toBe(lists(items));
      expect(fails(() => requireMatch(match, ours))).toBe(!lists(items));
      expect(fails(() => requireConditions(match, ours))).toBe(!lists(items));
      expect(fails(() => requireConditions(noneMatch, ours))).toBe(lists(items));
      // Of what is not there no tag holds.
      expect(fails(() => requireConditions(match, undefined))).toBe(true);
      expect(fails(() => requireConditions(noneMatch, undefined))).toBe(false);
    }),
  );
});

test("* is whatever is there", () => {
  const [match, noneMatch] = [new Headers({ "if-match": "*" }), new Headers({ "if-none-match": " * " })];
  expect(isNotModified(noneMatch, ours)).toBe(true);
  expect(fails(() => requireConditions(match, ours))).toBe(false);
  expect(fails(() => requireConditions(match, undefined))).toBe(true);
  expect(fails(() => requireConditions(noneMatch, ours))).toBe(true);
  expect(fails(() => requireConditions(noneMatch, undefined))).toBe(false);
});

test("a request without conditions passes, and a digest in quotes is its entity tag", () => {
  expect(isNotModified(new Headers(), ours)).toBe(false);
  expect(fails(() => requireMatch(new Headers(), ours))).toBe(false);
  expect(fails(() => requireConditions(new Headers(), undefined))).toBe(false);
  expect(entityTag(ours)).toBe(`"${ours}"`);
});
