import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
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

test("a pipe is a log once it has a reader, is never waited for, and loses whole lines", async () => {
  const path = join(folder, "pipe");
  spawnSync("mkfifo", [path]);
  const warnings: string[] = [];
  const open = () => openLineLog(path, (sentence) => warnings.push(sentence));
  expect(open).toThrow(`cannot write the log ${path}`);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const log = open();
  for (let count = 0; count < 12; count += 1) log.write(LINE);
  expect(warnings).toEqual([`lines of ${path} are lost: nobody reads that pipe`]);
  log.write("later");
  let read = "";
  while (!read.endsWith("later\n")) {
    read += readAll(reader);
    await Bun.sleep(10);
  }
  log[Symbol.dispose]();
  closeSync(reader);
  expect(read.split("\n").filter((line) => line !== LINE)).toEqual(["later", ""]);
});

/** What there is in a pipe that is not waited for. */
function readAll(fd: number): string {
  const bytes = Buffer.alloc(1024 * 1024);
  try {
    return bytes.toString("utf8", 0, readSync(fd, bytes));
  } catch {
    return "";
  }
}
