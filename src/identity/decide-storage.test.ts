import { describe, expect, test } from "bun:test";
import { decideStorage, type StorageUsage, type Usage } from "./decide-storage.ts";
import { parseAccessRules } from "./rules/parse-access-rules.ts";

const NAMES = ["alice", "bob", "carol", "dave"];
const { rules } = parseAccessRules(
  `
[[quotas]]
users = ["alice"]
max_bytes = "2 GB"
[[quotas]]
users = ["*"]
max_bytes = "1 GB"
max_repositories = 2
[[quotas]]
repositories = ["team/**"]
max_bytes = 1000
[[quotas]]
repositories = ["{user}/**"]
max_repositories = 1
${NAMES.map((name) => `[users.${name}]\ncertificates = ["CN=${name}"]`).join("\n")}
`,
  { readHtpasswd: () => "" },
);

const held: Readonly<Record<string, number>> = {
  "team/a": 400,
  "team/b": 500,
  "bob/x": 1,
  "carol/1": 999_999_000,
  "carol/2": 0,
  "alice/1": 999_999_000,
};

const OWNED: Readonly<Record<string, readonly string[]>> = {
  alice: ["alice/1"],
  carol: ["carol/1", "carol/2", "carol/begun"],
};

function ofRepositories(matches: (repository: string) => boolean): Usage {
  const sizes = Object.entries(held).filter(([name]) => matches(name));
  return { bytes: sizes.reduce((sum, [, bytes]) => sum + bytes, 0), repositories: sizes.length };
}

const usage: StorageUsage = {
  ofRepositories,
  ofOwner: (user) => ofRepositories((name) => OWNED[user]?.includes(name) === true),
  ownerOf: (wanted) => Object.keys(OWNED).find((user) => OWNED[user]?.includes(wanted)),
  hasRepository: (repository) => Object.hasOwn(held, repository),
};

function ask(name: string | undefined, repository: string, bytes: number) {
  return decideStorage(rules, { name }, { repository, bytes, usage });
}

describe("quotas", () => {
  test("of a user: the first that speaks of them, by what they made", () => {
    expect(ask("alice", "base", 1_000_000_000).isAllowed).toBe(true);
    expect(ask("carol", "carol/1", 1000).isAllowed).toBe(true);
    expect(ask("carol", "carol/2", 1001)).toEqual({
      isAllowed: false,
      reason: "the quota of carol (access.toml:5) is reached: 1 GB of 1 GB are used, and 1.001 kB more do not fit",
    });
    expect(ask("carol", "new", 0)).toEqual({
      isAllowed: false,
      reason: "the quota of carol (access.toml:5) is reached: 2 of 2 repositories are used",
    });
  });

  test("of a user hold whoever pushes to what they made, and no repository that nobody made", () => {
    expect(ask("alice", "carol/2", 1000).isAllowed).toBe(true);
    expect(ask(undefined, "carol/2", 1001).isAllowed).toBe(false);
    expect(ask("carol", "bob/x", 10 ** 12).isAllowed).toBe(true);
  });

  test("of who was the first to begin a repository hold for whoever pushes to it as well", () => {
    expect(ask("alice", "carol/begun", 0)).toEqual({
      isAllowed: false,
      reason: "the quota of carol (access.toml:5) is reached: 2 of 2 repositories are used",
    });
  });

  test("of a user are asked without going through repositories", () => {
    const ofRepositories = (): Usage => {
      throw new Error("went through all repositories");
    };
    const request = { repository: "carol/1", bytes: 1000, usage: { ...usage, ofRepositories } };
    const ofUsers = { ...rules, quotas: rules.quotas.filter(({ who }) => who !== undefined) };
    expect(decideStorage(ofUsers, { name: "carol" }, request).isAllowed).toBe(true);
  });

  test("of repositories: what they hold together", () => {
    expect(ask(undefined, "team/c", 100).isAllowed).toBe(true);
    expect(ask(undefined, "team/a", 101)).toEqual({
      isAllowed: false,
      reason: "the quota of team/** (access.toml:9) is reached: 900 B of 1 kB are used, and 101 B more do not fit",
    });
  });

  test("of repositories look only at what begins as they do", () => {
    const asked: string[] = [];
    const counted: StorageUsage = {
      ...usage,
      ofRepositories: (matches, beginning) => {
        asked.push(beginning);
        return usage.ofRepositories(matches, beginning);
      },
    };
    decideStorage(rules, { name: undefined }, { repository: "team/a", bytes: 1, usage: counted });
    decideStorage(rules, { name: "bob" }, { repository: "bob/x", bytes: 1, usage: counted });
    expect(asked).toEqual(["team/", "bob/"]);
  });

  test("of each user's own repositories, whoever pushes there", () => {
    expect(ask("bob", "bob/x", 0).isAllowed).toBe(true);
    expect(ask("bob", "bob/y", 0)).toEqual({
      isAllowed: false,
      reason: "the quota of bob/** (access.toml:12) is reached: 1 of 1 repositories are used",
    });
    expect(ask("alice", "bob/y", 0).isAllowed).toBe(false);
    expect(ask("dave", "dave/y", 0).isAllowed).toBe(true);
    expect(ask("dave", "nobody/y", 0).isAllowed).toBe(true);
  });

  test("nobody anonymous has one of a user, and what no quota speaks of has room", () => {
    expect(ask(undefined, "else", 10 ** 12).isAllowed).toBe(true);
  });
});
