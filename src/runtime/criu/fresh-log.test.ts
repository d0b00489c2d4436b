import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshLog } from "./fresh-log.ts";

test("an earlier log is gone, and a link with it, not what it leads to; a folder of that name is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-criu-"));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("old.log"), "(00.1) Error (criu/a.c:1): of an earlier call\n");
  expect(freshLog(folder, "old.log")).toEqual({ folder, file: "old.log" });
  writeFileSync(at("precious"), "kept");
  symlinkSync(at("precious"), at("link.log"));
  freshLog(folder, "link.log");
  freshLog(folder, "none.log");
  expect([existsSync(at("old.log")), existsSync(at("link.log")), readFileSync(at("precious"), "utf8")]).toEqual([
    false,
    false,
    "kept",
  ]);
  mkdirSync(at("folder.log"));
  expect(() => freshLog(folder, "folder.log")).toThrow(`cannot replace the log ${at("folder.log")}`);
  rmSync(folder, { recursive: true });
});
