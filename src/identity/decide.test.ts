import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decide, decideCatalog } from "./decide.ts";
import { type AccessRules, NO_RULES, type Right } from "./rules/access-rules.ts";
import type { RepositoryPattern } from "./rules/repository-pattern.ts";
import { REPOSITORY_ACTIONS, type RepositoryAction } from "./scope.ts";

const NAMES = ["alice", "bob", "carol"];
const GROUPS = ["team", "admin"];
const REPOSITORIES = ["alice/app", "team/app", "team/app/web", "base"];
const PATTERNS = ["**", "*", "team/*", "team/**", "{user}/**", "base"] as const;

const actions = fc.subarray([...REPOSITORY_ACTIONS]);
const right: fc.Arbitrary<Right> = fc.record({
  place: fc.constant("access.toml:1"),
  who: fc.record({
    users: fc.subarray([...NAMES, "*"]),
    groups: fc.subarray(GROUPS),
    isAnonymous: fc.boolean(),
  }),
  repositories: fc.subarray([...PATTERNS]).map((patterns) => patterns as unknown as readonly RepositoryPattern[]),
  actions,
});
const users = new Map(NAMES.map((name) => [name, { name, passwordHash: "x", groups: [], certificates: [] }]));
const rules: fc.Arbitrary<AccessRules> = fc
  .array(right, { maxLength: 4 })
  .map((rights) => ({ ...NO_RULES, users, rights }));
const asking = fc.record({
  name: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
  groups: fc.subarray(GROUPS),
});
const request = fc.record({
  action: fc.constantFrom(...REPOSITORY_ACTIONS),
  repository: fc.constantFrom(...REPOSITORIES),
});

describe("decide", () => {
  test("without users and rights everybody may do everything", () => {
    fc.assert(fc.property(asking, request, (who, what) => decide(NO_RULES, who, what).isAllowed));
  });

  test("with users and no rights nobody may do anything", () => {
    fc.assert(fc.property(asking, request, (who, what) => !decide({ ...NO_RULES, users }, who, what).isAllowed));
  });

  test("what several rules give is what each of them gives, put together", () => {
    fc.assert(
      fc.property(rules, asking, request, (all, who, what) => {
        const alone = all.rights.some((one) => decide({ ...all, rights: [one] }, who, what).isAllowed);
        expect(decide(all, who, what).isAllowed).toBe(alone);
      }),
    );
  });

  test("a token's scopes only ever narrow what the rules give", () => {
    const scopes = fc.array(fc.record({ repository: fc.constantFrom(...REPOSITORIES), actions }), { maxLength: 3 });
    fc.assert(
      fc.property(rules, asking, request, scopes, (all, who, what, limits) => {
        const isIncluded = limits.some(
          (scope) => scope.repository === what.repository && scope.actions.includes(what.action),
        );
        const expected = isIncluded && decide(all, who, what).isAllowed;
        expect(decide(all, { ...who, scopes: limits }, what).isAllowed).toBe(expected);
      }),
    );
  });

  test("logging in takes nothing away", () => {
    fc.assert(
      fc.property(rules, fc.constantFrom(...NAMES), request, (all, name, what) => {
        const before = decide(all, { name: undefined, groups: [] }, what).isAllowed;
        if (before) expect(decide(all, { name, groups: [] }, what).isAllowed).toBe(true);
      }),
    );
  });

  test("somebody who is no user any more may do nothing", () => {
    fc.assert(
      fc.property(rules, request, (all, what) => !decide(all, { name: "mallory", groups: GROUPS }, what).isAllowed),
    );
  });

  test("the reason names the rule, whom it speaks of, and the pattern", () => {
    const reason = (one: Partial<Right["who"]>, action: RepositoryAction = "push"): string => {
      const who = { users: [], groups: [], isAnonymous: false, ...one };
      const repositories = ["team/*" as RepositoryPattern];
      const all = {
        ...NO_RULES,
        users,
        rights: [{ place: "access.toml:7", who, repositories, actions: ["push"] as const }],
      };
      return decide(all, { name: "alice", groups: ["team"] }, { action, repository: "team/app" }).reason;
    };
    expect(reason({ users: ["alice"] })).toBe("access.toml:7 lets alice push to team/*");
    expect(reason({ users: ["*"] })).toBe("access.toml:7 lets every user push to team/*");
    expect(reason({ groups: ["team"] })).toBe("access.toml:7 lets group team push to team/*");
    expect(reason({ isAnonymous: true })).toBe("access.toml:7 lets everybody push to team/*");
    expect(reason({ users: ["alice"] }, "pull")).toBe("no rule lets alice pull from team/app");
  });
});

test("the catalogue is for users and for whoever may pull, and for tokens that name it", () => {
  const open = { place: "access.toml:1", repositories: [], actions: ["pull"] } as const;
  const isPublic = { ...NO_RULES, users, rights: [{ ...open, who: { users: [], groups: [], isAnonymous: true } }] };
  const isPrivate = { ...NO_RULES, users };
  const anonymous = { name: undefined, groups: [] };
  const alice = { name: "alice", groups: [] };
  const answers = [
    decideCatalog(NO_RULES, anonymous),
    decideCatalog(isPrivate, alice),
    decideCatalog(isPublic, anonymous),
    decideCatalog(isPrivate, { ...alice, scopes: ["catalog"] }),
    decideCatalog(isPrivate, anonymous),
    decideCatalog(isPublic, { name: "mallory", groups: [] }),
    decideCatalog(isPrivate, { ...alice, scopes: [{ repository: "base", actions: ["pull"] }] }),
  ];
  expect(answers.map(({ isAllowed }) => isAllowed)).toEqual([true, true, true, true, false, false, false]);
});
