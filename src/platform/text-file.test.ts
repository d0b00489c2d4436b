import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../errors/gantry-error.ts";
import { fileStamp, isPathTaken, readTextFile, TEXT_FILE_BYTES_MAX } from "./text-file.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-text-file-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

function whyNot(path: string): string {
  try {
    return readTextFile(path);
  } catch (error) {
    return formatError(error);
  }
}

test("a file is read, through links too", () => {
  writeFileSync(at("text"), "größe\n");
  symlinkSync("text", at("link"));
  expect([readTextFile(at("text")), readTextFile(at("link"))]).toEqual(["größe\n", "größe\n"]);
});

test("what is no file is refused at once: a pipe would be waited for, a device has no end", () => {
  spawnSync("mkfifo", [at("pipe")]);
  mkdirSync(at("folder"));
  symlinkSync("nowhere", at("broken"));
  writeFileSync(at("large"), "");
  truncateSync(at("large"), TEXT_FILE_BYTES_MAX + 1);
  for (const path of [at("pipe"), "/dev/zero"]) {
    const why = "is a pipe or a device, and no regular file (write what it says to a file: it is read more than once)";
    expect(whyNot(path)).toBe(`cannot read ${path}: ${why}`);
  }
  expect(whyNot(at("folder"))).toBe(`cannot read ${at("folder")}: is a directory`);
  expect(whyNot(at("large"))).toBe(`cannot read ${at("large")}: is larger than ${TEXT_FILE_BYTES_MAX} bytes`);
  expect(whyNot(at("broken"))).toStartWith(`cannot read ${at("broken")}: ENOENT`);
  expect(whyNot("/x\0y")).toStartWith("cannot read /x");
});

test("a name is taken by a link that leads nowhere, and free only where there is nothing", () => {
  symlinkSync("nothing", at("dangling"));
  symlinkSync("loop", at("loop"));
  expect(["dangling", "loop", "folder", "none", "none/below"].map((name) => isPathTaken(at(name)))).toEqual([
    ...[true, true, true],
    ...[false, false],
  ]);
});

test("a stamp changes with the file, and with what its name leads to; it never throws", () => {
  const stamps = [fileStamp(at("watched"))];
  symlinkSync("watched", at("watched"));
  stamps.push(fileStamp(at("watched")));
  rmSync(at("watched"));
  symlinkSync("not-yet", at("watched"));
  stamps.push(fileStamp(at("watched")));
  for (const text of ["one", "three"]) {
    writeFileSync(at("new"), text);
    renameSync(at("new"), at("not-yet"));
    stamps.push(fileStamp(at("watched")));
  }
  expect(new Set(stamps).size).toBe(stamps.length);
  expect(fileStamp(at("watched"))).toBe(stamps.at(-1) ?? "");
});
