import { describe, expect, test } from "bun:test";
import { digestOf } from "../../oci/hash-digest.ts";
import type { RepositoryName, Tag } from "../repositories/repository-name.ts";
import { RefreshTimes } from "./refresh-times.ts";

const repository = "hub/app" as RepositoryName;
const byTag = { tag: "1" as Tag };
const byDigest = { digest: digestOf("manifest") };

let nowMs = 0;
const times = (): RefreshTimes => {
  nowMs = 0;
  return new RefreshTimes(() => nowMs);
};

describe("a manifest is asked for again", () => {
  test("by a digest that is here: never", () => {
    expect(times().isDue(repository, byDigest, true)).toBe(false);
    expect(times().isDue(repository, byDigest, false)).toBe(true);
  });

  test("by a tag that was found: when `refresh` is over", () => {
    const refresh = times();
    expect(refresh.isDue(repository, byTag, true)).toBe(true);
    refresh.note(repository, byTag, { answer: { kind: "found" }, refreshMs: 60_000 });
    nowMs = 59_999;
    expect(refresh.isDue(repository, byTag, true)).toBe(false);
    nowMs = 60_000;
    expect(refresh.isDue(repository, byTag, true)).toBe(true);
  });

  test("at once, if what was found is not here any more", () => {
    const refresh = times();
    refresh.note(repository, byTag, { answer: { kind: "found" }, refreshMs: 60_000 });
    expect(refresh.isDue(repository, byTag, false)).toBe(true);
  });

  test.each([
    [60_000, 5000],
    [1000, 1000],
  ])("that was not there, or could not be asked for, with a refresh of %d ms: after %d ms", (refreshMs, afterMs) => {
    for (const [answer, isHere] of [
      [{ kind: "absent" }, false],
      [{ kind: "unreachable", why: "it is away" }, true],
      [{ kind: "unreachable", why: "it is away" }, false],
    ] as const) {
      const refresh = times();
      refresh.note(repository, byTag, { answer, refreshMs });
      nowMs = afterMs - 1;
      expect(refresh.isDue(repository, byTag, isHere)).toBe(false);
      nowMs = afterMs;
      expect(refresh.isDue(repository, byTag, isHere)).toBe(true);
    }
  });
});

test("the last answer is known, with what made it fail", () => {
  const refresh = times();
  const away = { kind: "unreachable", why: "it is away" } as const;
  for (const answer of [{ kind: "found" }, away] as const) {
    refresh.note(repository, byTag, { answer, refreshMs: 1 });
    expect(refresh.last(repository, byTag)).toEqual(answer);
  }
  expect(refresh.last(repository, byDigest)).toBeUndefined();
});

test("of answers without end the last ones are remembered", () => {
  const refresh = times();
  const at = (index: number): RepositoryName => `hub/${index}` as RepositoryName;
  for (let index = 0; index <= 20_000; index++)
    refresh.note(at(index), byTag, { answer: { kind: "found" }, refreshMs: 60_000 });
  expect([0, 1, 20_000].map((index) => refresh.isDue(at(index), byTag, true))).toEqual([true, false, false]);
});
