import { describe, expect, test } from "bun:test";
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
