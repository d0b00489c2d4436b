import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeApi, runMain } from "../../../test/support/cli-double.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-load-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each(["a file", "a pipe"])("the archive is what %s has", async (what) => {
  const path = join(folder, "box.tar");
  const bytes = Buffer.alloc(600_000, "archive");
  writeFileSync(path, bytes);
  const pipe = join(folder, "pipe");
  if (what === "a pipe") spawn("sh", ["-c", 'mkfifo "$1" && cat "$0" > "$1"', path, pipe]);
  while (what === "a pipe" && !existsSync(pipe)) await new Promise(setImmediate);
  let sent = Buffer.alloc(0);
  const api = fakeApi({
    async loadImages(archive) {
      for await (const chunk of archive) sent = Buffer.concat([sent, chunk]);
      return (async function* () {})();
    },
  });
  expect((await runMain(["load", "-i", what === "a pipe" ? pipe : path], { api })).status).toBe(0);
  expect(sent.equals(bytes)).toBe(true);
});

test("a file that cannot be had is named with the reason, and no daemon is asked", async () => {
  mkdirSync(join(folder, "box"));
  symlinkSync("loop", join(folder, "loop"));
  const reasons = {
    box: "is a directory",
    loop: "too many levels of symbolic links",
    none: "no such file or directory",
  };
  for (const [name, reason] of Object.entries(reasons)) {
    const path = join(folder, name);
    const calls: string[] = [];
    const { status, stderr } = await runMain(["load", "-i", path], { api: fakeApi({}, calls) });
    expect([status, stderr, calls]).toEqual([1, `open ${path}: ${reason}\n`, []]);
  }
});
