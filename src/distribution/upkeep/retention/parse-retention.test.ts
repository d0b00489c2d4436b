import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";
import { globMatcher } from "./glob.ts";
import { parseRetention } from "./parse-retention.ts";

function parse(value: unknown): { readonly rules: unknown; readonly problems: readonly string[] } {
  const problems: string[] = [];
  return { rules: parseRetention(value, problems), problems };
}

describe("parseRetention", () => {
  test("reads all that a rule can say", () => {
    const table = {
      repositories: "team/**",
      keep: ["v*", "latest"],
      "keep-tags": 10,
      "keep-pushed-within": "7d",
      "keep-pulled-within": "30d",
      "delete-untagged-after": "12h",
    };
    expect(parse([table])).toEqual({
      rules: [
        {
          place: "retention[0]",
          repositories: ["team/**"],
          keep: ["v*", "latest"],
          keepTags: 10,
          keepPushedWithinMs: 604_800_000,
          keepPulledWithinMs: 2_592_000_000,
          deleteUntaggedAfterMs: 43_200_000,
        },
      ],
      problems: [],
    });
  });

  test("names everything that is wrong, with its place", () => {
    const wrong = [
      { keep: "v*", "keep-tag": 3 },
      { repositories: [], "keep-tags": -1, "keep-pulled-within": "soon" },
      4,
    ];
    expect(parse(wrong).problems).toEqual([
      "retention[0].keep-tag is not known (repositories, keep, keep-tags, keep-pushed-within, keep-pulled-within, delete-untagged-after are)",
      'retention[0].repositories is missing: "**" means all',
      "retention[0] takes no tag away: add keep-tags, keep-pushed-within or keep-pulled-within",
      'retention[1].repositories is not a pattern such as "v*", or a list of them',
      "retention[1].keep-tags is not a whole number from 0 on",
      'retention[1].keep-pulled-within is not a duration such as "12h" or "30d"',
      "retention[1] takes no tag away: add keep-tags, keep-pushed-within or keep-pulled-within",
      "retention[2] is not a table",
    ]);
    expect(parse("x").problems).toEqual(["retention is not a list of tables: write [[retention]]"]);
  });

  test("a pattern that fits no name of a repository is refused: its rule would hold for nothing", () => {
    const patterns = ["a/**", "?/b-c_d.e/*", "Team/**", "registry.lan:5000/team", "/team", "team/"];
    const why =
      "which fits no repository: write it without the registry, in lower case and without a slash at either end";
    expect(parse([{ repositories: patterns, "keep-tags": 1 }]).problems).toEqual(
      patterns.slice(2).map((pattern) => `retention[0].repositories has "${pattern}", ${why}`),
    );
  });

  test("whatever the document holds, it is either understood or refused", () => {
    fc.assert(fc.property(fc.anything(), (value) => Array.isArray(parse(value).rules)));
    fc.assert(fc.property(fc.array(fc.dictionary(fc.string(), fc.anything())), (value) => parse(value) !== undefined));
  });
});

test("durations are read as they are written", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3_000_000 }), (seconds) => {
      expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
    }),
  );
  expect(["", "1", "d", "-1d", "1.5d", "1 d", "9999999w", 5].map(parseDuration)).toEqual(Array(8).fill(undefined));
});

test("patterns match as a regular expression of the same meaning would", () => {
  const pieces = fc.array(fc.constantFrom("*", "**", "?", "a", "b", "/", "."), { maxLength: 6 });
  fc.assert(
    fc.property(pieces, fc.array(fc.constantFrom("a", "b", "/", "."), { maxLength: 6 }), (pattern, name) => {
      const meaning = (pattern.join("").match(/\*\*|./g) ?? []).map((part) =>
        part === "**" ? ".*" : part === "*" ? "[^/]*" : part === "?" ? "[^/]" : `\\${part}`.replace(/\\([ab])/, "$1"),
      );
      expect(globMatcher(pattern.join(""))(name.join(""))).toBe(
        new RegExp(`^${meaning.join("")}$`).test(name.join("")),
      );
    }),
    { numRuns: 2000 },
  );
});
