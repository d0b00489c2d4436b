import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyUp } from "../../src/volume/copy-up.ts";
import { LayeredTree } from "../../src/volume/layered-tree.ts";

const SCRIPT = `
set -e
mkdir -p low/d/hidden low/d/opaque top/d/opaque
echo low > low/d/kept; echo gone > low/d/white; echo old > low/d/opaque/old; echo x > low/d/hidden/x
mknod top/d/white c 0 0; mknod top/d/hidden c 0 0
setfattr -n trusted.overlay.opaque -v y top/d/opaque; echo new > top/d/opaque/new
echo suid > top/d/suid; chown 5:6 top/d/suid; setcap cap_net_raw=ep top/d/suid; chmod 4751 top/d/suid
setcap cap_net_raw=ep top/d/suid
ln top/d/suid top/d/linked; ln -s ../../../../../etc/passwd top/d/link; mkfifo -m 600 top/d/fifo; mknod top/d/dev b 7 9
touch -d '1969-07-20 20:17:40.5 UTC' top/d/suid; chmod 1770 top/d; chown 7:8 top/d; touch -d @1000 top/d
`;

test("copies a merged folder as an overlay would show it, with all that files have", async () => {
  const directory = mkdtempSync(join(tmpdir(), "gantry-copy-up-"));
  try {
    const made = spawnSync("sh", ["-c", SCRIPT], { cwd: directory, encoding: "utf8" });
    expect(made.stderr).toBe("");
    const target = join(directory, "target");
    mkdirSync(target);
    const tree = new LayeredTree([join(directory, "top"), join(directory, "low")]);
    const source = tree.lookup("/d");
    if (source?.kind !== "folder") throw new Error("no folder");
    await copyUp(tree, source, target);
    expect(readdirSync(target, { recursive: true }).sort()).toEqual(
      ["dev", "fifo", "kept", "link", "linked", "opaque", "opaque/new", "suid"].sort(),
    );
    const facts = (name: string): unknown => {
      const { mode, uid, gid, mtimeMs, nlink, rdev } = lstatSync(join(target, name));
      return [mode.toString(8), uid, gid, mtimeMs, nlink, rdev];
    };
    expect(facts(".")).toEqual(["41770", 7, 8, 1_000_000, 3, 0]);
    expect(facts("suid")).toEqual(["104751", 5, 6, Date.parse("1969-07-20T20:17:40.500Z"), 2, 0]);
    expect(lstatSync(join(target, "linked")).ino).toBe(lstatSync(join(target, "suid")).ino);
    expect(lstatSync(join(target, "link")).isSymbolicLink()).toBe(true);
    const fifo = lstatSync(join(target, "fifo"));
    const device = lstatSync(join(target, "dev"));
    expect([fifo.isFIFO(), fifo.mode & 0o777, device.isBlockDevice(), device.rdev]).toEqual([true, 0o600, true, 0x709]);
    expect(spawnSync("getcap", [join(target, "suid")], { encoding: "utf8" }).stdout).toContain("cap_net_raw=ep");
    expect(readFileSync(join(target, "kept"), "utf8")).toBe("low\n");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
