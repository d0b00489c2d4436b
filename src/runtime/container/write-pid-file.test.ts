import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writePidFile } from "./write-pid-file.ts";

test("a pid file appears under its name alone, and is not written through a link that waits for it", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-pid-"));
  const path = join(folder, "pid");
  writePidFile(path, 42);
  expect([readdirSync(folder), readFileSync(path, "utf8")]).toEqual([["pid"], "42"]);
  const precious = join(folder, "precious");
  writeFileSync(precious, "kept");
  symlinkSync(precious, join(folder, ".pid.new"));
  expect(() => writePidFile(path, 43)).toThrow(`cannot write the pid file ${path}`);
  expect([readFileSync(precious, "utf8"), readFileSync(path, "utf8")]).toEqual(["kept", "42"]);
  rmSync(folder, { recursive: true });
});
