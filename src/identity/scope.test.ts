import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeAccess, encodeAccess, formatScope, parseScopes, REPOSITORY_ACTIONS, type Scope } from "./scope.ts";

test("scopes are read as the specification's grammar has them", () => {
  expect(parseScopes("repository:samalba/my-app:pull,push registry:catalog:*")).toEqual([
    { repository: "samalba/my-app", actions: ["pull", "push"] },
    "catalog",
  ]);
  expect(parseScopes("repository:localhost:5000/team/app:pull")).toEqual([
    { repository: "localhost:5000/team/app", actions: ["pull"] },
  ]);
  expect(parseScopes("repository(plugin):vim/vim:pull repository:vim/vim:push")).toEqual([
    { repository: "vim/vim", actions: ["pull", "push"] },
  ]);
  expect(parseScopes("repository:app:*")).toEqual([{ repository: "app", actions: [...REPOSITORY_ACTIONS] }]);
});

test("what is not known in a scope asks for nothing", () => {
  expect(parseScopes("repository:app:fly,pull")).toEqual([{ repository: "app", actions: ["pull"] }]);
  for (const text of [
    "",
    "repository",
    "repository:",
    "repository:app",
    "cluster:all:*",
    "registry:catalog:pull",
    ":a:b",
  ]) {
    expect(parseScopes(text)).toEqual([]);
  }
});

test("any text is read without an error, and what is read is read again as the same", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const scopes = parseScopes(text);
      const named = scopes.filter((scope) => scope === "catalog" || scope.actions.length > 0);
      expect(parseScopes(named.map(formatScope).join(" "))).toEqual(named);
    }),
  );
});

test("scopes go into a token and come out of it as they were", () => {
  const scopes: readonly Scope[] = [{ repository: "team/app", actions: ["pull", "delete"] }, "catalog"];
  expect(decodeAccess(JSON.parse(JSON.stringify(encodeAccess(scopes))))).toEqual(scopes);
});

test("an access claim that is none is refused whole", () => {
  for (const claim of [
    undefined,
    null,
    {},
    [null],
    [{ type: "repository", name: "x" }],
    [{ type: 1, name: "x", actions: [] }],
  ]) {
    expect(decodeAccess(claim)).toBeUndefined();
  }
});

test("a name with spaces in a token's claim grants nothing beyond itself", () => {
  const claim = [{ type: "repository", name: "a:pull repository:b", actions: ["push"] }];
  expect(decodeAccess(claim)).toBeUndefined();
});
