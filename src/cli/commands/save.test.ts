import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-save-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Saves an archive of one chunk where files may have so many KiB. */
function saveOfChunk(sizeBytes: number, limitKib: number): { readonly status: number; readonly stderr: string } {
  const double = join(import.meta.dir, "../../../test/support/cli-double.ts");
  const story = `
    const { fakeApi, runMain } = await import(${JSON.stringify(double)});
    const chunk = new Uint8Array(${sizeBytes}).fill(7);
    const api = fakeApi({ saveImages: async () => (async function* () { yield chunk; })() });
    const { status, stderr } = await runMain(["save", "-o", ${JSON.stringify(join(folder, "box.tar"))}, "box"], { api });
    console.log(JSON.stringify({ status, stderr }));`;
  const script = `trap '' XFSZ; ulimit -f ${limitKib * 2}; exec "$0" -e "$1"`;
  const { stdout } = spawnSync("sh", ["-c", script, process.execPath, story], { encoding: "utf8" });
  return JSON.parse(stdout) as { status: number; stderr: string };
}

test("an archive is written whole, or its file is named and nothing of it is left", () => {
  expect(saveOfChunk(100_000, 200)).toEqual({ status: 0, stderr: "" });
  expect(readFileSync(join(folder, "box.tar")).equals(Buffer.alloc(100_000, 7))).toBe(true);
  rmSync(join(folder, "box.tar"));
  // The kernel takes the first half, and says so.
  expect(saveOfChunk(100_000, 50)).toEqual({
    status: 1,
    stderr: `write ${join(folder, "box.tar")}: file too large\n`,
  });
  expect(readdirSync(folder)).toEqual([]);
});
