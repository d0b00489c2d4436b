import { expect, test } from "bun:test";
import { parseTmpfsOptions } from "./tmpfs-options.ts";

test("Docker's defaults, with the caller's options laid over them", () => {
  expect(parseTmpfsOptions([])).toEqual(["noexec", "nosuid", "nodev", "rprivate"]);
  expect(parseTmpfsOptions(["exec", "size=64m", "mode=1770", "size=1k"])).toEqual([
    "exec",
    "nosuid",
    "nodev",
    "rprivate",
    "size=1k",
    "mode=1770",
  ]);
});

test("refuses what is no option of a tmpfs", () => {
  for (const option of ["bogus", "size", "size=", "lowerdir=/etc", "bind"]) {
    expect(() => parseTmpfsOptions([option])).toThrow(`Invalid tmpfs option "${option}"`);
  }
});
