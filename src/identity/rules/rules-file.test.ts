import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../../errors/gantry-error.ts";
import { fileStamp } from "../../platform/text-file.ts";
import { decide } from "../decide.ts";
import { isOpen } from "./access-rules.ts";
import { RulesFile, readRules } from "./rules-file.ts";
import { UserAccounts } from "./user-accounts.ts";

const HASH = `$2b$04$${".".repeat(53)}`;
const ALICE = `[users.alice]\npassword = "${HASH}"\n`;

const NOBODY = { name: undefined, groups: [] };

let folder: string;
let path: string;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-rules-"));
  path = join(folder, "access.toml");
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(): RulesFile {
  return new RulesFile({ path, warn: (sentence) => warnings.push(sentence) });
}

function whyNot(work: () => unknown): string {
  try {
    return `${work()}`;
  } catch (error) {
    return formatError(error);
  }
}

const users = (file: RulesFile): readonly string[] => [...file.current().users.keys()];

/** What there is in the place of rules, and why they cannot be had; none of it may be waited for. */
const OBSTACLES: readonly (readonly [string, () => void, string])[] = [
  ["a link that leads nowhere", () => symlinkSync("not-mounted/access.toml", path), "ENOENT"],
  ["a link to itself", () => symlinkSync("access.toml", path), "ELOOP"],
  ["a pipe", () => void spawnSync("mkfifo", [path]), "is a pipe or a device"],
  ["a device without an end", () => symlinkSync("/dev/zero", path), "is a pipe or a device"],
  ["a folder", () => symlinkSync("/", path), "is a directory"],
];

describe.each(OBSTACLES)("in the place of the rules %s", (_what, make, why) => {
  test("lets no registry begin, which would let everybody in", () => {
    make();
    expect(whyNot(open)).toStartWith(`cannot read ${path}: ${why}`);
  });

  test("leaves the rules as they were, and that is told once", () => {
    writeFileSync(path, ALICE);
    const file = open();
    rmSync(path);
    make();
    expect([users(file), users(file)]).toEqual([["alice"], ["alice"]]);
    expect(warnings).toEqual([expect.stringContaining(why)]);
    rmSync(path);
    writeFileSync(path, ALICE.replace("alice", "carol"));
    expect(users(file)).toEqual(["carol"]);
  });

  test("lets nobody do anything where everybody could do everything, until it can be read", () => {
    const file = open();
    expect(isOpen(file.current())).toBe(true);
    make();
    for (const rules of [file.current(), file.current(), file.latest]) {
      expect(isOpen(rules)).toBe(false);
      expect(decide(rules, NOBODY, { action: "pull", repository: "team/app" }).isAllowed).toBe(false);
    }
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`${why}.*; until then nobody may do anything$`))]);
    rmSync(path);
    expect(isOpen(file.current())).toBe(true);
  });

  test("gets no user, and stays what it is", async () => {
    make();
    const { mode } = lstatSync(path);
    const accounts = new UserAccounts({ path, deadlineMs: performance.now() + 1000, now: Date.now });
    const added = accounts.add("bob", { groups: [], certificates: ["CN=bob"] });
    expect(formatError(await added.catch((error: unknown) => error))).toContain(why);
    expect(lstatSync(path).mode).toBe(mode);
  });
});

test("a password file that comes later than the rules that name it is seen", () => {
  writeFileSync(path, ALICE);
  const file = open();
  writeFileSync(path, `htpasswd = "passwords"\n${ALICE}`);
  expect([users(file), warnings]).toEqual([
    ["alice"],
    [expect.stringContaining("access.toml:1: htpasswd cannot be used")],
  ]);
  writeFileSync(join(folder, "passwords"), `bob:${HASH}\n`);
  expect(users(file)).toEqual(["alice", "bob"]);
});

test("rules that change while they are read are read again", () => {
  writeFileSync(path, `htpasswd = "passwords"\n${ALICE}`);
  writeFileSync(join(folder, "passwords"), "");
  /** Somebody takes a user away between the reading of both files. */
  class Interrupted extends Map<string, string> {
    override set(file: string, stamp: string): this {
      if (file !== path) writeFileSync(path, "# nobody any more\n");
      return super.set(file, stamp);
    }
  }
  const stamps = new Interrupted();
  expect([...readRules(path, stamps).rules.users.keys()]).toEqual(["alice"]);
  expect(stamps.get(path)).not.toBe(fileStamp(path));
});
