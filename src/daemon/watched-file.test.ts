import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../errors/gantry-error.ts";
import { registriesReader } from "./registries-file.ts";
import { trustReader } from "./trust-file.ts";
import { watchedFile } from "./watched-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-watched-"));
  path = join(folder, "file.toml");
});
afterEach(() => rmSync(folder, { recursive: true }));

function told(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return formatError(error);
  }
}

test("a file is parsed when it has changed; while it is none of its kind, each use says so", () => {
  let parsed = 0;
  const read = watchedFile(path, (text) => {
    parsed += 1;
    if (text === "bad") throw new Error("line 1: no");
    return text;
  });
  expect(told(read)).toBeUndefined();
  writeFileSync(path, "good");
  expect([told(read), told(read), parsed]).toEqual(["good", "good", 1]);
  writeFileSync(path, "bad");
  expect([told(read), told(read)]).toEqual(Array(2).fill(`cannot understand ${path}: line 1: no`));
  rmSync(path);
  expect(told(read)).toBeUndefined();
});

describe.each([
  ["registries.toml", registriesReader, "GANTRY_REGISTRIES"],
  ["trust.toml", trustReader, "GANTRY_TRUST"],
])("%s", (_name, reader, variable) => {
  test("that is named has to be there, and a link that leads nowhere permits nothing", () => {
    expect(told(reader(path))).toMatch(new RegExp(`^there is no .*${path}, which ${variable} names$`));
    symlinkSync("nowhere", path);
    expect(told(reader(path))).toStartWith(`cannot read ${path}: ENOENT`);
  });

  test("that is a pipe is refused, and not waited for", () => {
    spawnSync("mkfifo", [path]);
    expect(told(reader(path))).toStartWith(`cannot read ${path}: is a pipe or a device`);
  });
});
