import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeExisting } from "./cgroup-files.ts";

const NOBODY = 65_534;

test("no file is made", () => {
  expect(() => writeExisting("/proc/self/nonesuch", "1")).toThrow("ENOENT");
});

/** False for who is not root, and where only root may enter the checkout. */
function canBeNobody(): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync(process.execPath, ["--version"], { uid: NOBODY, gid: NOBODY, cwd: "/" }).status === 0;
}

test.skipIf(!canBeNobody())("an ordinary user writes what he may not read, as cgroup.kill is", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-files-"));
  try {
    const file = join(folder, "cgroup.kill");
    writeFileSync(file, "");
    chmodSync(folder, 0o755);
    chownSync(file, NOBODY, NOBODY);
    chmodSync(file, 0o200);
    const script = `import { writeExisting } from "${join(import.meta.dir, "cgroup-files.ts")}"; writeExisting("${file}", "1");`;
    const { stderr } = spawnSync(process.execPath, ["-e", script], {
      ...{ uid: NOBODY, gid: NOBODY, cwd: "/", encoding: "utf8" },
      env: { HOME: "/nonexistent" },
    });
    expect({ stderr, text: readFileSync(file, "utf8") }).toEqual({ stderr: "", text: "1" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
