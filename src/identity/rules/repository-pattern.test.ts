import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  commonBeginning,
  matchesRepository,
  parseRepositoryPattern,
  type RepositoryPattern,
} from "./repository-pattern.ts";

function matches(pattern: string, repository: string, user?: string): boolean {
  const parsed = parseRepositoryPattern(pattern);
  if (parsed === undefined) throw new Error(`no pattern: ${pattern}`);
  return matchesRepository(parsed, repository, user);
}

test.each([
  ["team/*", "team/app", true],
  ["team/*", "team/app/web", false],
  ["team/*", "team", false],
  ["team/**", "team/app", true],
  ["team/**", "team/app/web/x", true],
  ["team/**", "team", false],
  ["team/**", "teams/app", false],
  ["**", "app", true],
  ["**", "a/b/c", true],
  ["*", "app", true],
  ["*", "a/b", false],
  ["**/web", "web", true],
  ["**/web", "a/b/web", true],
  ["**/web", "a/web/b", false],
  ["a/**/z", "a/z", true],
  ["a/**/z", "a/b/c/z", true],
  ["team-*/app", "team-blue/app", true],
  ["team-*/app", "team/app", false],
  ["*-*-x", "a-b-c-x", true],
  ["app", "app", true],
  ["app", "apps", false],
])("%s and %s: %p", (pattern, repository, expected) => {
  expect(matches(pattern, repository)).toBe(expected);
});

test("{user} is who asks, and nobody anonymous", () => {
  expect(matches("{user}/**", "alice/app", "alice")).toBe(true);
  expect(matches("{user}/**", "bob/app", "alice")).toBe(false);
  expect(matches("home-{user}/*", "home-alice/app", "alice")).toBe(true);
  expect(matches("{user}/**", "{user}/app")).toBe(false);
  expect(matches("{user}/**", "undefined/app")).toBe(false);
});

test("a user's name is no pattern, and no two components", () => {
  expect(matches("{user}/**", "bob/app", "*")).toBe(false);
  expect(matches("{user}/**", "bob/app", "**")).toBe(false);
  expect(matches("{user}/**", "a/b/app", "a/b")).toBe(false);
  expect(matches("{user}/x", "$&/x", "$&")).toBe(true);
});

test.each(["", "/", "a//b", "a/", "Team/*", "a**", "***", "{group}/x", "a b", "a/../b:x", `${"a/".repeat(40)}a`])(
  "%p is no pattern",
  (text) => {
    expect(parseRepositoryPattern(text)).toBeUndefined();
  },
);

/** What patterns mean, said with an expression of the language: slow for hostile ones, right for short ones. */
function oracle(pattern: string, repository: string): boolean {
  const source = pattern
    .split("/")
    .map((part) => (part === "**" ? "§" : part.replaceAll(".", "\\.").replaceAll("*", "[^/]*")))
    .join("/")
    .replace(/(^|\/)§$/, "$1[^/]+(?:/[^/]+)*")
    .replace(/§\//g, "(?:[^/]+/)*")
    .replace(/§\//g, "(?:[^/]+/)*");
  return new RegExp(`^${source}$`).test(repository);
}

test("patterns match as their expressions do", () => {
  const part = fc.stringMatching(/^[ab]{1,3}$/);
  const glob = fc.oneof(part, fc.constant("**"), fc.stringMatching(/^[ab]?\*[ab]?$/));
  fc.assert(
    fc.property(
      fc.array(glob, { minLength: 1, maxLength: 4 }),
      fc.array(part, { minLength: 1, maxLength: 5 }),
      (globs, parts) => {
        const pattern = globs.join("/") as RepositoryPattern;
        expect(matchesRepository(pattern, parts.join("/"), undefined)).toBe(oracle(pattern, parts.join("/")));
      },
    ),
    { numRuns: 2000 },
  );
});

test("a hostile pattern takes no exponential time", () => {
  const glob = "*a".repeat(100);
  expect(matches(glob, `${"a".repeat(250)}b`)).toBe(false);
  expect(matches("**/a/".repeat(15).concat("b"), "a/".repeat(120).concat("c"))).toBe(false);
});

test("what several patterns stand for begins with what they have in common", () => {
  const beginning = (patterns: readonly string[], user?: string): string =>
    commonBeginning(patterns as readonly RepositoryPattern[], user);
  expect(beginning(["team/app", "team/ab*"])).toBe("team/a");
  expect(beginning(["{user}/**"], "alice")).toBe("alice/");
  expect(beginning(["team/**", "**"])).toBe("");
  const component = fc
    .array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(""));
  const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(fc.array(path, { minLength: 1, maxLength: 3 }), path, (texts, name) => {
      const patterns = texts.flatMap((text) => parseRepositoryPattern(text) ?? []);
      const repository = name.replaceAll("*", "c");
      const isMatched = patterns.some((pattern) => matchesRepository(pattern, repository, undefined));
      if (isMatched) expect(repository).toStartWith(commonBeginning(patterns, undefined));
    }),
    { numRuns: 2000 },
  );
});
