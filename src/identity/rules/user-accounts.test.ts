import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { skipReason } from "../../../test/support/command.ts";
import { checkoutProgram } from "../../../test/support/daemon.ts";
import { verifyBcrypt } from "../../platform/password.ts";
import { TEXT_FILE_BYTES_MAX } from "../../platform/text-file.ts";
import { UserAccounts } from "./user-accounts.ts";

let folder: string;
let path: string;
let accounts: UserAccounts;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-accounts-"));
  path = join(folder, "registry", "access.toml");
  accounts = accountsAt(path);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function accountsAt(file: string): UserAccounts {
  return new UserAccounts({ path: file, deadlineMs: performance.now() + 10_000, now: () => 1000 });
}

const NONE = { groups: [], certificates: [] };

test("a user is added with a hash, in a file that only its owner reads; nothing else is left but the lock", async () => {
  await accounts.add("alice", { ...NONE, password: "secret", groups: ["team"] });
  const [alice] = accounts.list();
  expect(alice).toMatchObject({ name: "alice", groups: ["team"] });
  expect(await verifyBcrypt("secret", alice?.passwordHash ?? "")).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "utf8")).not.toContain("secret");
  expect(readdirSync(join(folder, "registry")).sort()).toEqual(["access.toml", "access.toml.lock"]);
});

test("many at once lose nothing", async () => {
  const names = Array.from({ length: 12 }, (_, index) => `user${index}`);
  await Promise.all(names.map((name) => accounts.add(name, { ...NONE, certificates: [`CN=${name}`] })));
  expect(
    accounts
      .list()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(names.toSorted());
});

test("what cannot be is refused, and the file stays as it was", async () => {
  await accounts.add("alice", { ...NONE, password: "secret", certificates: ["CN=a"] });
  const before = readFileSync(path, "utf8");
  const refused = [
    accounts.add("alice", { ...NONE, password: "x" }),
    accounts.add("a b", { ...NONE, password: "x" }),
    accounts.add("bob", { ...NONE, password: "" }),
    accounts.add("bob", { ...NONE, password: "x".repeat(73) }),
    accounts.add("bob", { ...NONE, password: "x\0y" }),
    accounts.add("bob", NONE),
    accounts.add("bob", { ...NONE, certificates: ["CN=a"] }),
    accounts.add("bob", { ...NONE, password: "x", groups: ["a b"] }),
    accounts.remove("bob"),
    accounts.changePassword("bob", "x"),
    accounts.revoke("bob"),
  ];
  const outcomes = await Promise.allSettled(refused);
  expect(outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : "done"))).toEqual([
    "already-exists",
    "invalid-argument",
    "invalid-argument",
    "invalid-argument",
    "invalid-argument",
    "invalid-argument",
    "invalid-argument",
    "invalid-argument",
    "not-found",
    "not-found",
    "not-found",
  ]);
  expect(readFileSync(path, "utf8")).toBe(before);
});

test("a user is removed, and the rules that still name them are told", async () => {
  await accounts.add("alice", { ...NONE, password: "secret" });
  const rule = '[[rights]]\nusers = ["alice"]\nrepositories = ["x"]\nactions = ["pull"]\n';
  writeFileSync(path, `${readFileSync(path, "utf8")}${rule}`);
  expect(await accounts.remove("alice")).toEqual([expect.stringMatching(/^access\.toml:\d+$/)]);
  expect(accounts.list()).toEqual([]);
});

test("a password is changed", async () => {
  await accounts.add("alice", { ...NONE, password: "secret" });
  await accounts.changePassword("alice", "other");
  const hash = accounts.list()[0]?.passwordHash ?? "";
  expect([await verifyBcrypt("secret", hash), await verifyBcrypt("other", hash)]).toEqual([false, true]);
});

test("users of the password file are left to htpasswd", async () => {
  await accounts.add("alice", { ...NONE, certificates: ["CN=a"] });
  writeFileSync(join(folder, "registry", "passwords"), `bob:$2y$05$${"a".repeat(53)}\n`);
  writeFileSync(path, `htpasswd = "passwords"\n${readFileSync(path, "utf8")}`);
  expect(accounts.list().map(({ name }) => name)).toEqual(["alice", "bob"]);
  await expect(accounts.remove("bob")).rejects.toThrow("is in the password file");
  await expect(accounts.changePassword("bob", "x")).rejects.toThrow("is in the password file");
  await accounts.revoke("bob");
  expect(accounts.list().find(({ name }) => name === "bob")).toMatchObject({ tokensSinceMs: 1000 });
});

test("a link to the file stays a link, and the password file is the one beside it, as for the registry", async () => {
  await accounts.add("alice", { ...NONE, certificates: ["CN=a"] });
  const link = join(folder, "link.toml");
  symlinkSync(path, link);
  writeFileSync(join(folder, "passwords"), `carol:$2y$05$${"a".repeat(53)}\n`);
  writeFileSync(path, `htpasswd = "passwords"\n${readFileSync(path, "utf8")}`);
  await accountsAt(link).add("bob", { ...NONE, password: "x" });
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(
    accountsAt(link)
      .list()
      .map(({ name }) => name),
  ).toEqual(["alice", "bob", "carol"]);
});

test("whoever may read the file may read it when it was changed, too: a registry of another user does by its group", async () => {
  await accounts.add("alice", { ...NONE, password: "secret" });
  chmodSync(path, 0o640);
  await accounts.revoke("alice");
  expect(statSync(path).mode & 0o7777).toBe(0o640);
});

const skip = skipReason({ root: true });
if (skip !== undefined) console.log(`skipped: ${skip}`);

test.skipIf(skip !== undefined)(
  "the first user's file is the registry's, whoever adds them, which reads and changes it",
  async () => {
    const own = join(folder, "own", "access.toml");
    mkdirSync(dirname(own));
    chownSync(dirname(own), 12_345, 12_346);
    await accountsAt(own).add("alice", { ...NONE, certificates: ["CN=a"] });
    for (const name of ["access.toml", "access.toml.lock"]) {
      const { uid, gid, mode } = statSync(join(dirname(own), name));
      expect([name, uid, gid, mode & 0o777]).toEqual([name, 12_345, 12_346, 0o600]);
    }
  },
);

test("no lock is taken through a link, which would make or give away a file elsewhere", async () => {
  mkdirSync(dirname(path), { recursive: true });
  const elsewhere = join(folder, "elsewhere");
  symlinkSync(elsewhere, `${path}.lock`);
  const added = accounts.add("alice", { ...NONE, certificates: ["CN=a"] });
  await expect(added).rejects.toThrow(`the lock ${path}.lock is a link`);
  expect(existsSync(elsewhere)).toBe(false);
  expect(existsSync(path)).toBe(false);
});

test("the first user of a file that let everybody do everything may do so still, and others nothing", async () => {
  await accounts.add("alice", { ...NONE, password: "secret" });
  writeFileSync(path, "# Nobody yet.\n[[quotas]]\nusers = ['*']\nmax_bytes = 1\n");
  const certificates = (name: string) => ({ ...NONE, certificates: [`CN=${name}`] });
  const first = { isFileMade: false, isFirst: true, isPathComponent: true };
  expect(await accounts.add("bob", certificates("bob"))).toEqual(first);
  const may = (name?: string): boolean => accounts.check(name, "push", "app").isAllowed;
  expect([may("bob"), may()]).toEqual([true, false]);
  expect(await accounts.add("carol", certificates("carol"))).toEqual({ ...first, isFirst: false });
  expect(readFileSync(path, "utf8").match(/^\[\[rights\]\]$/gm)?.length).toBe(1);
});

test("what an editor saves while a command changes the file is kept", async () => {
  await accounts.add("alice", { ...NONE, password: "secret" });
  const saved = `${readFileSync(path, "utf8")}# saved meanwhile\n`;
  let isSaved = false;
  const slow = new UserAccounts({
    path,
    deadlineMs: performance.now() + 10_000,
    now() {
      if (!isSaved) writeFileSync(path, saved);
      isSaved = true;
      return 5000;
    },
  });
  await slow.revoke("alice");
  const text = readFileSync(path, "utf8");
  expect([text.includes("# saved meanwhile"), text.includes("tokens_since = 1970-01-01T00:00:05.000Z")]).toEqual([
    true,
    true,
  ]);
  expect(readdirSync(join(folder, "registry")).sort()).toEqual(["access.toml", "access.toml.lock"]);
});

test("a file of another encoding is refused, with its line: written as text, its comments would be others", async () => {
  await accounts.add("alice", { ...NONE, password: "secret" });
  const latin = Buffer.concat([readFileSync(path), Buffer.from("# f\u00fcr alle\n", "latin1")]);
  writeFileSync(path, latin);
  const line = latin.toString("latin1").split("\n").length - 1;
  await expect(accounts.revoke("alice")).rejects.toThrow(`cannot change ${path}: line ${line} is not UTF-8`);
  expect(readFileSync(path)).toEqual(latin);
  const replaced = Buffer.concat([latin.subarray(0, latin.lastIndexOf("#")), Buffer.from("# \ufffd\n")]);
  writeFileSync(path, replaced);
  await accounts.revoke("alice");
  expect(readFileSync(path, "utf8")).toEndWith("# \ufffd\n");
});

test("nobody is added to a file that could not be read then", async () => {
  await accounts.add("alice", { ...NONE, certificates: ["CN=a"] });
  const text = readFileSync(path, "utf8");
  const long = `${text}#${"x".repeat(TEXT_FILE_BYTES_MAX - text.length - 2)}\n`;
  writeFileSync(path, long);
  await expect(accounts.add("bob", { ...NONE, certificates: ["CN=b"] })).rejects.toThrow(
    `cannot change ${path}: then it is larger than ${TEXT_FILE_BYTES_MAX} bytes`,
  );
  expect(readFileSync(path, "utf8") === long).toBe(true);
});

test("what cannot be written is told in words, and leaves the file as it was and nothing beside it", async () => {
  await accounts.add("alice", { ...NONE, certificates: ["CN=a"] });
  const before = readFileSync(path);
  // A write fails as on a full disk, and ends nobody.
  const limited = ["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", ...checkoutProgram];
  const root = join(folder, "registry");
  const command = spawnSync("sh", [...limited, "registry", "user", "revoke", "alice", "--root", root]);
  expect([command.status, command.stderr.toString()]).toEqual([
    1,
    expect.stringContaining(
      `gantry: cannot change ${path}: it is larger than its file system, or the limit of files, allows`,
    ),
  ]);
  expect([readFileSync(path), readdirSync(root).sort()]).toEqual([before, ["access.toml", "access.toml.lock"]]);
});

test("what is no TOML is told with its line, and nothing is changed", async () => {
  await accounts.add("alice", { ...NONE, password: "secret" });
  const broken = `${readFileSync(path, "utf8")}x = 1\nx = 2\n`;
  writeFileSync(path, broken);
  const line = broken.split("\n").length - 1;
  const sentence = `access.toml:${line} is no TOML: `;
  await expect(accounts.remove("alice")).rejects.toThrow(sentence);
  await expect(accounts.changePassword("alice", "x")).rejects.toThrow(sentence);
  await expect(accounts.revoke("alice")).rejects.toThrow(sentence);
  expect(readFileSync(path, "utf8")).toBe(broken);
});

test("a check says what the rules say", async () => {
  expect(accounts.check(undefined, "push", "x")).toEqual({
    isAllowed: true,
    reason: "there are no users: everybody may do everything",
  });
  await accounts.add("alice", { ...NONE, password: "secret" });
  expect(accounts.check("alice", "push", "x/y")).toEqual({
    isAllowed: true,
    reason: "access.toml:4 lets every user push to **",
  });
  expect(accounts.check(undefined, "push", "x/y")).toEqual({
    isAllowed: false,
    reason: "no rule lets anonymous push to x/y",
  });
  expect(() => accounts.check("alice", "fly", "x")).toThrow("there is no action");
});
