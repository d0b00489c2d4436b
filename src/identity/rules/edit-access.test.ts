import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { addUser, changePassword, removeUser, revokeTokens } from "./edit-access.ts";

const BOB = { name: "bob", passwordHash: "$2b$10$y", groups: ["team"], certificates: [], tokensSinceMs: 0 };
const FILE = `# Kept: why this is so.
[users.alice]   # the first
password = "$2b$10$x"   # of May
groups = ["team"]

# Everybody reads.
[[rights]]
anonymous = true
repositories = ["**"]   # all
actions = ["pull"]
`;

describe("editing access.toml", () => {
  test("a user is added after the others, and nothing else changes", () => {
    expect(addUser(FILE, BOB)).toBe(
      FILE.replace(
        'groups = ["team"]\n',
        'groups = ["team"]\n\n[users.bob]\npassword = "$2b$10$y"\ngroups = ["team"]\n',
      ),
    );
  });

  test("adding and removing gives the file as it was", () => {
    for (const name of ["bob", "b.o@b"]) expect(removeUser(addUser(FILE, { ...BOB, name }), name)).toBe(FILE);
    const withoutUsers = FILE.slice(FILE.indexOf("# Everybody"));
    expect(removeUser(addUser(withoutUsers, BOB), "bob").trimEnd()).toBe(withoutUsers.trimEnd());
  });

  test("a file without a newline at its end is added to as well", () => {
    expect(addUser("[users.alice]\npassword = 'x'", BOB)).toBe(
      '[users.alice]\npassword = \'x\'\n\n[users.bob]\npassword = "$2b$10$y"\ngroups = ["team"]\n',
    );
  });

  test("a removed user leaves comments and the others", () => {
    expect(removeUser(addUser(FILE, BOB), "alice")).toBe(
      FILE.replace(/\[users\.alice\][\s\S]*?\n\n/, '[users.bob]\npassword = "$2b$10$y"\ngroups = ["team"]\n\n'),
    );
  });

  test("a password is changed where it stands, or added", () => {
    expect(changePassword(FILE, "alice", "$2b$10$z")).toBe(FILE.replace("$2b$10$x", () => "$2b$10$z"));
    expect(changePassword("[users.alice]\ngroups = []\n", "alice", "z")).toBe(
      '[users.alice]\npassword = "z"\ngroups = []\n',
    );
    expect(changePassword("[users.alice]", "alice", "z")).toBe('[users.alice]\npassword = "z"\n');
  });

  test("refresh tokens are ended where that stands, or added, and for whom only the password file knows", () => {
    const untilMs = Date.UTC(2026, 0, 31, 12);
    const since = "tokens_since = 2026-01-31T12:00:00.000Z";
    const revoked = revokeTokens(FILE, "alice", { untilMs, isWrittenHere: true });
    expect(revoked).toBe(FILE.replace("# the first\n", `# the first\n${since}\n`));
    expect(revokeTokens(revoked, "alice", { untilMs: untilMs + 1, isWrittenHere: true })).toBe(
      revoked.replace("00.000Z", "00.001Z"),
    );
    expect(revokeTokens(FILE, "b.o@b", { untilMs, isWrittenHere: false })).toBe(
      FILE.replace('groups = ["team"]\n', `groups = ["team"]\n\n[users."b.o@b"]\n${since}\n`),
    );
  });

  test("whoever has a certificate and no password is told from who had the name before", () => {
    const build = { name: "build", groups: [], certificates: ["CN=build"], tokensSinceMs: 1000 };
    expect(addUser("[users.alice]\npassword = 'x'\n", build)).toBe(
      "[users.alice]\npassword = 'x'\n\n[users.build]\ncertificates = [\"CN=build\"]\ntokens_since = 1970-01-01T00:00:01.000Z\n",
    );
  });

  test("the first user makes a file that says what it lets them do", () => {
    expect(addUser("", BOB)).toContain('[[rights]]\nusers = ["*"]\nrepositories = ["**"]');
    const text = "# Nobody yet.\n[[quotas]]\nusers = ['*']\nmax_bytes = 1";
    expect(addUser(text, BOB, { isFirst: true })).toBe(`${text}\n\n${addUser("", BOB)}`);
  });

  test("a key is found however it is written, and beside a value of any length", () => {
    const text = `[users."al\\u0069ce"]\n'password' = """x"""  # of May\nx = "${"x".repeat(3_000_000)}"\n`;
    expect(changePassword(text, "alice", "z") === text.replace('"""x"""', '"z"')).toBe(true);
  });

  test("a user is written into a file with tables of several lines, and one that begins with a byte order mark", () => {
    const text = "\uFEFFusers.alice = {\n  groups = [],\n}\n";
    expect(addUser(text, BOB)).toBe(`${text}\n[users.bob]\npassword = "$2b$10$y"\ngroups = ["team"]\n`);
  });

  test("a user who is written in another way is left to an editor", () => {
    for (const text of [
      'users = { alice = { password = "x" } }',
      'users.alice.password = "x"',
      '[users]\nalice.password = "x"',
    ]) {
      expect(() => removeUser(text, "alice")).toThrow("not written as a table [users.alice]");
      expect(() => changePassword(text, "alice", "z")).toThrow("not written as a table [users.alice]");
      expect(() => revokeTokens(text, "alice", { untilMs: 0, isWrittenHere: true })).toThrow("not written as a table");
    }
  });
});

/** Every way to write a text, each of which has what ends other ones. */
const written = (text: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    JSON.stringify(text),
    `'${text}'`,
    `"""\n${text}"""`,
    `'''${text}'''`,
    `"""\\\n  ${text}"""`,
    `"${[...text].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`,
  );
const key = (text: string): fc.Arbitrary<string> =>
  written(text).map((name) => (/^("""|''')/.test(name) ? JSON.stringify(text) : name));
const space = fc.constantFrom("", " ", "\t");
const comment = fc.constantFrom("", " # [users.evil]", " #\"\"\" '''", "\t# password = 'x'", " #]}\\", " # \u2028 é");
const between = fc.constantFrom(
  "",
  "\n",
  "# [users.bob]\n",
  "#'''\n\n",
  "[[rights]]\nusers = [ # ]\n  '[users.x]', # '\n]\n",
);

function pair(name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(space, key(name), space, space, value, comment)
    .map(([before, left, one, two, right, after]) => `${before}${left}${one}=${two}${right}${after}\n`);
}

const groups = fc
  .tuple(written("team"), comment)
  .map(([team, after]) => `[${after === "" ? "" : `${after}\n`} ${team}, # ]\n  "b]", ]`);
const date = fc.constantFrom("2024-01-01 00:00:00Z", "2024-01-01T00:00:00.5+02:00");

function table(name: string): fc.Arbitrary<string> {
  const pairs = fc.tuple(
    pair("password", fc.oneof(written("hash"), fc.constant('"\\" [x] \\\\"'))),
    pair("groups", groups),
    pair("tokens_since", date),
  );
  return fc
    .tuple(space, key("users"), key(name), comment, pairs, fc.subarray([0, 1, 2]), fc.boolean())
    .map(([gap, users, user, after, all, chosen, isTurned]) => {
      const order = isTurned ? chosen.toReversed() : chosen;
      return `${gap}[${gap}${users}${gap}.${gap}${user}${gap}]${after}\n${order.map((at) => all[at]).join("")}`;
    });
}

test("however a file is written, an edit changes what it is for and nothing else", () => {
  const names = ["alice", "b.o@b", "constructor", "true"];
  const file = fc
    .tuple(fc.tuple(...names.map(table)), fc.array(between, { minLength: 4, maxLength: 4 }), fc.boolean(), fc.boolean())
    .map(([tables, gaps, isOpenEnded, isWindows]) => {
      const text = `\uFEFF# "\n${tables.map((one, at) => `${gaps[at]}${one}`).join("")}`;
      const ended = isOpenEnded ? text.trimEnd() : text;
      return isWindows ? ended.replaceAll("\n", "\r\n") : ended;
    });
  type File = { users: Record<string, Record<string, unknown>>; rights?: unknown };
  const read = (text: string): File => structuredClone(parse(text)) as unknown as File;
  fc.assert(
    fc.property(file, fc.constantFrom(...names), (text, name) => {
      const { users, rights } = read(text);
      const { [name]: own, ...others } = users;
      const untilMs = 1_700_000_000_000;
      const tokens = parse("at = 2023-11-14T22:13:20.000Z").at;
      expect(read(removeUser(text, name))).toEqual({ users: others, ...(rights === undefined ? {} : { rights }) });
      for (const [edited, expected] of [
        [addUser(text, BOB), { ...users, bob: { password: BOB.passwordHash, groups: BOB.groups } }],
        [changePassword(text, name, "new"), { ...users, [name]: { ...own, password: "new" } }],
        [
          revokeTokens(text, name, { untilMs, isWrittenHere: true }),
          { ...users, [name]: { ...own, tokens_since: tokens } },
        ],
      ] as const) {
        expect(JSON.parse(JSON.stringify(read(edited)))).toEqual(
          JSON.parse(JSON.stringify({ users: expected, ...(rights === undefined ? {} : { rights }) })),
        );
        // Of comments none is gone, and none was made.
        expect(edited.match(/#/g)?.length).toBe(text.match(/#/g)?.length);
      }
    }),
  );
});
