import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLineLog } from "./line-log.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** More than is gathered: it is written at once. */
const LINE = "x".repeat(70_000);

test("a log whose folder is gone says so once, closes no file but its own, and goes on when the folder is back", () => {
  const path = join(folder, "logs", "access.log");
  mkdirSync(join(folder, "logs"));
  const warnings: string[] = [];
  const log = openLineLog(path, (sentence) => warnings.push(sentence));
  log.write(LINE);
  rmSync(join(folder, "logs"), { recursive: true });
  log.write(LINE);
  // Takes the number of a descriptor that was closed by mistake.
  const others = [openSync(join(folder, "one"), "w"), openSync(join(folder, "two"), "w")];
  log.write(LINE);
  for (const fd of others) writeSync(fd, "still open");
  mkdirSync(join(folder, "logs"));
  log.write("back");
  log[Symbol.dispose]();
  for (const fd of others) closeSync(fd);
  expect(readFileSync(path, "utf8")).toBe("back\n");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(`lines of ${path} are lost`);
});
