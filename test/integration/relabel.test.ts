import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labelOf, relabel } from "../../src/linux/security/relabel.ts";

const LABEL = "system_u:object_r:container_file_t:s0:c1,c2";
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("skipped: labels are root's to set");

test.if(isRoot)("a tree is labelled with all its names, and nothing that its links lead to", async () => {
  const directory = mkdtempSync(join(tmpdir(), "gantry-relabel-"));
  try {
    const [tree, outside] = [join(directory, "tree"), join(directory, "outside")];
    mkdirSync(join(tree, "deep/er"), { recursive: true });
    mkdirSync(outside);
    for (const path of ["outside/file", "tree/deep/er/file", "tree/ü"]) writeFileSync(join(directory, path), "");
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.of(0xff, 0xfe)]), "");
    symlinkSync(outside, join(tree, "folder-link"));
    symlinkSync(join(outside, "file"), join(tree, "deep/file-link"));
    await relabel(tree, LABEL);
    for (const path of ["", "deep", "deep/er/file", "ü"]) expect(labelOf(join(tree, path))).toBe(LABEL);
    expect([outside, join(outside, "file")].map(labelOf).includes(LABEL)).toBe(false);
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(100);
    await relabel(join(tree, "folder-link"), LABEL);
    expect(labelOf(join(outside, "file"))).toBe(LABEL);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
