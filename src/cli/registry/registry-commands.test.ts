import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeTerminalOptions, fakeTerminal, runMain } from "../../../test/support/cli-double.ts";

let root: string;
let file: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-users-"));
  file = join(root, "access.toml");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What is said of the file that the first user makes. */
const made = (): string =>
  `gantry: made ${file}: whoever logs in may do everything there, everybody else nothing, until its [[rights]] say otherwise\n`;

async function gantry(words: string, options: FakeTerminalOptions = {}) {
  return await runMain(["--root", root, "registry", ...words.split(" ")], options);
}

describe("gantry registry user", () => {
  test("add, list, password, remove", async () => {
    const added = await gantry("user add alice --group team -g admin --password-stdin", { input: ["sec", "ret\n"] });
    expect(added).toEqual({ status: 0, stdout: "alice\n", stderr: made() });
    expect(await gantry("user add build --certificate DNS=build.lan")).toMatchObject({ status: 0, stderr: "" });
    expect((await gantry("user list")).stdout).toBe(
      [
        "NAME      GROUPS       PASSWORD   CERTIFICATES",
        "alice     team,admin   yes        ",
        "build                  no         DNS=build.lan\n",
      ].join("\n"),
    );
    const before = readFileSync(file, "utf8");
    expect(await gantry("user password alice --password-stdin", { input: ["other"] })).toMatchObject({ status: 0 });
    expect(readFileSync(file, "utf8")).not.toBe(before);
    expect(await gantry("user revoke alice")).toEqual({ status: 0, stdout: "alice\n", stderr: "" });
    expect(readFileSync(file, "utf8")).toMatch(/^\[users\.alice\]\ntokens_since = 20\d\d-\S+Z$/m);
    expect(await gantry("user revoke nobody")).toMatchObject({
      status: 1,
      stderr: `gantry: there is no user nobody in ${file} (\`gantry registry user list --access ${file}\` shows who is there)\n`,
    });
    expect(await gantry("user rm alice")).toEqual({ status: 0, stdout: "alice\n", stderr: "" });
    expect((await gantry("user ls -q")).stdout).toBe("build\n");
  });

  test("a password is asked for twice, is not shown, and is typed as in a terminal", async () => {
    const terminal = fakeTerminal({ isTerminal: true, input: ["wrong\x15s€\x7fecre", "x\x7ft\r", "secret\r"] });
    const result = await runMain(["--root", root, "registry", "user", "add", "alice"], { terminal });
    expect(result).toEqual({ status: 0, stdout: "alice\n", stderr: `Password: \r\nAgain: \r\n${made()}` });
    expect(terminal.isRaw).toBe(false);
    const { verifyBcrypt } = await import("../../platform/password.ts");
    const hash = /password = "(.*)"/.exec(readFileSync(file, "utf8"))?.[1] ?? "";
    expect(await verifyBcrypt("secret", hash)).toBe(true);
  });

  test("no user is made where the password is not the same, was broken off, or cannot be asked for", async () => {
    const typed = async (input: readonly string[]) => await gantry("user add alice", { isTerminal: true, input });
    expect(await typed(["a\r", "b\r"])).toMatchObject({ status: 1 });
    expect(await typed(["a\r\x03"])).toMatchObject({ status: 130 });
    expect(await typed(["a\r"])).toMatchObject({ status: 130 });
    const nobody = await gantry("user add alice");
    expect(nobody.stderr).toBe(
      "gantry: there is no terminal to ask for a password (give it on standard input with --password-stdin)\n",
    );
    expect(await gantry("user add alice --password-stdin")).toMatchObject({
      status: 1,
      stderr: "gantry: the password is empty\n",
    });
    expect(await gantry("user list -q")).toMatchObject({
      status: 0,
      stdout: "",
      stderr: `gantry: there are no users in ${join(root, "access.toml")}\n`,
    });
  });

  test("that there is no such user, or one already, is said before a password is asked for", async () => {
    const typed = async (words: string) => await gantry(words, { isTerminal: true, input: ["x\r", "x\r"] });
    expect(await typed("user password nobody")).toEqual({
      status: 1,
      stdout: "",
      stderr: `gantry: there is no user nobody in ${file} (\`gantry registry user list --access ${file}\` shows who is there)\n`,
    });
    await typed("user add alice");
    expect((await typed("user add alice")).stderr).toBe(
      `gantry: there is a user alice in ${file} already (\`gantry registry user password --access ${file} alice\` gives them another password)\n`,
    );
    expect((await typed("user add a:b")).stderr).toStartWith('gantry: "a:b" is no name of a user');
    writeFileSync(join(root, "passwords"), `bob:$2y$05$${"a".repeat(53)}\n`);
    writeFileSync(file, `htpasswd = "passwords"\n${readFileSync(file, "utf8")}`);
    expect((await typed("user password bob")).stderr).toStartWith("gantry: user bob is in the password file");
  });

  test.each(["Alice", "bob@example.org", "a..b", "_x", "x-"])(
    "%s is added, and told to be no part of a repository's name",
    async (name) => {
      const added = await gantry(`user add ${name} --password-stdin`, { input: ["x"] });
      expect(added).toEqual({
        status: 0,
        stdout: `${name}\n`,
        stderr:
          `${made()}gantry: no repository can be named ${name}, so that a rule for {user}/** gives them nothing ` +
          "(repositories are named in lower-case letters and digits, parted by . _ or -)\n",
      });
      expect((await gantry("user list -q")).stdout).toBe(`${name}\n`);
    },
  );

  test("who is removed and still named is told of", async () => {
    await gantry("user add alice --password-stdin", { input: ["x"] });
    const rule = '[[rights]]\nusers = ["alice"]\nrepositories = ["a"]\nactions = ["pull"]\n';
    writeFileSync(file, rule + readFileSync(file, "utf8"));
    expect((await gantry("user remove alice")).stderr).toBe(
      "gantry: access.toml:1 still names alice, and holds for whoever gets that name\n",
    );
  });

  test("another file may be named, and one with problems is told of", async () => {
    const other = join(root, "rules.toml");
    writeFileSync(other, "users = 1\n");
    expect(await gantry(`user list --access ${other}`)).toEqual({
      status: 1,
      stdout: "",
      stderr: `gantry: invalid ${other}: rules.toml:1: users is not a table\n`,
    });
  });
});

describe("gantry registry access check", () => {
  test("says what is allowed by which rule, and ends with 1 for what is denied", async () => {
    await gantry("user add alice --password-stdin", { input: ["x"] });
    expect(await gantry("access check alice push team/app")).toEqual({
      status: 0,
      stdout: "allowed: access.toml:4 lets every user push to **\n",
      stderr: "",
    });
    expect(await gantry("access check - pull team/app")).toEqual({
      status: 1,
      stdout: "denied: no rule lets anonymous pull from team/app\n",
      stderr: "",
    });
    expect(await gantry("access check bob pull team/app")).toMatchObject({
      status: 1,
      stdout: "denied: there is no user bob\n",
    });
    expect(await gantry("access check alice push localhost:5000/Team")).toMatchObject({
      status: 1,
      stderr:
        'gantry: "localhost:5000/Team" is no name of a repository (write it without the registry, in lower case, as team/app)\n',
    });
  });
});

test("commands below two words have help, and are suggested", async () => {
  expect((await runMain(["registry", "user"])).stdout).toContain("Usage:  gantry registry user COMMAND");
  expect((await runMain(["registry", "user", "add", "--help"])).stdout).toContain("Usage:  gantry registry user add");
  expect((await runMain(["help", "registry", "user", "add"])).stdout).toContain("--password-stdin");
  expect((await runMain(["registry", "user", "ad"])).stderr).toContain("Did you mean 'registry user add'?");
  expect((await runMain(["--help"])).stdout).not.toContain("registry user");
});
