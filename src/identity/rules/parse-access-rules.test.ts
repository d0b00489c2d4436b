import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type ParsedAccess, parseAccessRules } from "./parse-access-rules.ts";

const HASH = `$2y$10$${"a".repeat(53)}`;

function parse(text: string, htpasswd = ""): ParsedAccess {
  return parseAccessRules(text, { readHtpasswd: () => htpasswd });
}

describe("access.toml", () => {
  test("users, rights, quotas and limits are read", () => {
    const { rules, problems } = parse(
      `htpasswd = "htpasswd"
[users.alice]
password = "${HASH}"
groups = ["team"]
certificates = ["CN=alice", "URI=spiffe://example.org/alice"]
[users.bob]
groups = ["team"]

[[rights]]
users = ["*"]
repositories = ["{user}/**"]
actions = ["*"]
[[rights]]
anonymous = true
repositories = ["**"]
actions = ["pull"]

[[quotas]]
users = ["alice"]
max_bytes = "1.5 GB"
[[quotas]]
repositories = ["team/**"]
max_repositories = 3

[[limits]]
per = "address"
requests_per_second = 0.5
`,
      `bob:${HASH}\n`,
    );
    expect(problems).toEqual([]);
    expect([...rules.users.values()]).toEqual([
      {
        name: "alice",
        passwordHash: HASH,
        groups: ["team"],
        certificates: ["CN=alice", "URI=spiffe://example.org/alice"],
      },
      { name: "bob", passwordHash: HASH, groups: ["team"], certificates: [] },
    ]);
    expect(rules.certificates.get("CN=alice")).toBe("alice");
    const nobody = { users: [], groups: [], isAnonymous: false };
    expect(JSON.parse(JSON.stringify(rules.rights))).toEqual([
      {
        place: "access.toml:9",
        who: { ...nobody, users: ["*"] },
        repositories: ["{user}/**"],
        actions: ["pull", "push", "delete"],
      },
      { place: "access.toml:13", who: { ...nobody, isAnonymous: true }, repositories: ["**"], actions: ["pull"] },
    ]);
    expect(JSON.parse(JSON.stringify(rules.quotas))).toEqual([
      { place: "access.toml:18", who: { ...nobody, users: ["alice"] }, bytesMax: 1_500_000_000 },
      { place: "access.toml:21", repositories: ["team/**"], repositoriesMax: 3 },
    ]);
    expect(JSON.parse(JSON.stringify(rules.limits))).toEqual([
      { place: "access.toml:25", per: "address", requestsPerSecond: 0.5, burst: 1 },
    ]);
  });

  test("everything that is wrong is told at once, with its line", () => {
    const { problems } = parse(
      `htpaswd = "x"
[users.alice]
password = "$apr1$abc$def"
[users."a b"]
certificates = ["alice"]
[users.bob]
[[rights]]
users = ["*", 7]
repositories = ["Team/*"]
actions = [
  "pull",
  "fly",
]
[[rights]]
repositories = ["**"]
[[quotas]]
users = ["*"]
repositories = ["**"]
max_bytes = "much"
[[limits]]
per = "country"
burst = 1.5
`,
    );
    expect(problems).toEqual([
      "access.toml:1: htpaswd is not known (htpasswd, users, rights, quotas, limits are)",
      "access.toml:3: users.alice.password is hashed with Apache's MD5: only bcrypt is accepted, as `htpasswd -B` writes it",
      'access.toml:4: users."a b" is no name of a user: up to 128 letters, digits and _ . @ + -, beginning with one of the first three kinds',
      'access.toml:5: users."a b".certificates[0] is "alice": only names such as "CN=alice", "DNS=build.lan" or "URI=spiffe://example.org/build" belong there',
      'access.toml:4: users."a b" has neither a password nor a certificate',
      "access.toml:6: users.bob has neither a password nor a certificate",
      'access.toml:8: rights[0].users[1] is 7: only names of users, or "*" for every user belong there',
      'access.toml:9: rights[0].repositories[0] is "Team/*": only patterns such as "team/*", "team/**" or "{user}/**" belong there',
      'access.toml:12: rights[0].actions[1] is "fly": only "pull", "push", "delete", or "*" for all belong there',
      "access.toml:14: rights[1] says nothing of whom: give users, groups, or anonymous = true",
      'access.toml:14: rights[1] has no actions: some of "pull", "push", "delete"',
      "access.toml:16: quotas[0] is either for users and groups, or for repositories",
      'access.toml:19: quotas[0].max_bytes is not a size such as "10 GB": "much"',
      'access.toml:21: limits[0].per is not "user", "address" or "repository"',
      "access.toml:20: limits[0] has no requests_per_second",
      "access.toml:22: limits[0].burst is not a whole number above 0",
    ]);
  });

  test("the example of the project is understood", () => {
    const { rules, problems } = parse(readFileSync(join(import.meta.dir, "../../../examples/access.toml"), "utf8"));
    expect(problems).toEqual([]);
    expect([rules.users.size, rules.rights.length, rules.quotas.length, rules.limits.length]).toEqual([2, 3, 2, 1]);
  });

  test("what is no TOML is told with its line", () => {
    expect(parse("a = 1\n\nb = }\n").problems).toEqual([expect.stringMatching(/^access\.toml:3 is no TOML: [^\n]+$/)]);
    expect(parse(`a = ${"[".repeat(50_000)}`).problems).toHaveLength(1);
  });

  test("a certificate of two users is a problem, and so is a password in two files", () => {
    const users = `[users.alice]\npassword = "${HASH}"\ncertificates = ["CN=x"]\n[users.bob]\ncertificates = ["CN=x"]\n`;
    expect(parse(`htpasswd = "f"\n${users}`, `alice:${HASH}\nalice:${HASH}\nnonsense\neve:plain\n`).problems).toEqual([
      "f:2: user alice is there twice",
      "f:3: this is not NAME:HASH",
      "f:4: the password of eve is no bcrypt hash such as `htpasswd -nB NAME` prints",
      "access.toml:3: users.alice.password is in f too",
      "access.toml:6: users.bob.certificates has CN=x, which is alice's",
    ]);
  });

  test.each([
    ["users = []", "users is empty: names of users"],
    ["groups = []", "groups is empty: names of up to"],
    ["anonymous = false", "says nothing of whom: give users, groups, or anonymous = true"],
    ["users = ['*']\nrepositories = []", "repositories is empty: patterns such as"],
    ["users = ['*']\nactions = []", 'actions is empty: "pull", "push", "delete"'],
  ])("a right with %j would hold for nothing, and is a problem", (written, problem) => {
    const others = { repositories: "['**']", actions: "['pull']" };
    const missing = Object.entries(others).filter(([key]) => !written.includes(key));
    const { problems } = parse(["[[rights]]", written, ...missing.map(([key, list]) => `${key} = ${list}`)].join("\n"));
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  test("a quota or a limit of nobody and nothing would limit nothing, and is a problem", () => {
    const { problems } = parse(
      "[[quotas]]\nusers = []\nmax_repositories = 1\n[[limits]]\nper = 'repository'\nrequests_per_second = 1\nrepositories = []",
    );
    expect(problems).toEqual([
      expect.stringContaining("access.toml:2: quotas[0].users is empty"),
      expect.stringContaining("access.toml:7: limits[0].repositories is empty"),
    ]);
  });

  test("what is told of a file is one line of what can be seen, however it is written", () => {
    const hidden = String.raw`\n\u001b[31m\u202e`;
    const { problems } = parse(
      `"x${hidden}" = 1\n[users."${hidden}"]\ncertificates = ["${hidden}"]\ngroups = ["${"g".repeat(100_000)}"]\n`,
    );
    expect(problems).toHaveLength(5);
    for (const problem of problems) expect(problem).toMatch(/^[^\p{C}]{1,300}$/u);
    expect(problems[0]).toStartWith(String.raw`access.toml:1: "x\n\u001b[31m\u202e" is not known`);
  });

  test("a time without a day would be of the year 0, and make no token old", () => {
    const since = (time: string) => parse(`[users.a]\ncertificates = ["CN=a"]\ntokens_since = ${time}\n`).problems;
    expect(since("2026-01-31T12:00:00Z")).toEqual([]);
    for (const time of ["07:32:00", "0001-01-01T00:00:00Z", '"2026-01-31T12:00:00Z"', "1"]) {
      expect(since(time)).toEqual(["access.toml:3: users.a.tokens_since is not a time such as 2026-01-31T12:00:00Z"]);
    }
  });

  test.each([
    ['"1.5 kB"', 1500],
    ['"1.1GB"', 1_100_000_000],
    ['"7"', 7],
    ['"7 B"', 7],
    ["7", 7],
  ])("a quota of %s", (written, bytes) => {
    const { rules, problems } = parse(`[[quotas]]\nusers = ["*"]\nmax_bytes = ${written}\n`);
    expect(problems).toEqual([]);
    expect(rules.quotas[0]?.bytesMax).toBe(bytes);
  });

  test.each([
    ['"1.5"', 'is no whole number of bytes: "1.5" (write its unit, as in "1.5 GB")'],
    ['"2.0 B"', 'is no whole number of bytes: "2.0 B" (write its unit, as in "1.5 GB")'],
    ["1.5", "is not a whole number above 0"],
    ['"0"', 'is not a size such as "10 GB": "0"'],
    ['""', 'is not a size such as "10 GB": ""'],
    ['"1.5 gb"', 'is not a size such as "10 GB": "1.5 gb"'],
  ])("no quota of %s", (written, why) => {
    const { problems } = parse(`[[quotas]]\nusers = ["*"]\nmax_bytes = ${written}\n`);
    expect(problems).toEqual([`access.toml:3: quotas[0].max_bytes ${why}`]);
  });

  test("a byte order mark before the first line is no part of the file, and a text without an end no reason to end", () => {
    expect(parse("\uFEFF[users.alice]\ncertificates = ['CN=alice']").problems).toEqual([]);
    expect(parse(`htpasswd = "${"x".repeat(3_000_000)}"`).problems).toEqual([]);
  });

  test("the same TOML is read as in other files: a table in braces may have lines", () => {
    const { rules, problems } = parse("[users]\nalice = {\n  certificates = ['CN=alice'],\n  groups = [1],\n}\n");
    expect(rules.users.get("alice")?.certificates).toEqual(["CN=alice"]);
    expect(problems).toEqual([
      expect.stringMatching(/^access\.toml:4: users\.alice\.groups\[0\] is 1: only names of /),
    ]);
  });

  test("a password file that cannot be read is a problem of its line", () => {
    const fail = (): string => {
      throw new Error("no such file");
    };
    expect(parseAccessRules('htpasswd = "gone"', { readHtpasswd: fail }).problems).toEqual([
      "access.toml:1: htpasswd cannot be used: no such file",
    ]);
  });

  test("names of JavaScript's own are keys like any other, and change no object", () => {
    const { rules } = parse(
      "[users.__proto__]\npassword = 'x'\n[users.constructor]\ncertificates = ['CN=c']\n[users.a.__proto__]\npassword = 'x'\n",
    );
    expect(Object.hasOwn(Object.prototype, "password")).toBe(false);
    expect(rules.users.has("toString")).toBe(false);
    expect(rules.users.get("__proto__")?.passwordHash).toBe("x");
    expect(rules.users.get("constructor")?.certificates).toEqual(["CN=c"]);
    expect(parse("__proto__ = { x = 1 }\n__proto__.y = 1").problems.length).toBeGreaterThan(0);
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  test("any text is read without an error", () => {
    const word = fc.constantFrom(
      "[users.a]",
      "[[rights]]",
      "users",
      "=",
      "[",
      "]",
      '"*"',
      "\n",
      "1",
      "{",
      "}",
      "actions",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join(" ")),
        ),
        (text) => {
          const { problems } = parse(text);
          for (const problem of problems) expect(problem).toMatch(/^access\.toml:\d+(: | is no TOML: )/);
        },
      ),
    );
  });
});
