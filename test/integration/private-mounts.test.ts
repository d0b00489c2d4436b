import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrivateMounts } from "../../src/linux/mount/private-mounts.ts";
import { prepareRoot } from "../../src/runtime/criu/prepare-root.ts";
import { hostMounts } from "../support/host-mounts.ts";
import { runtimeSkipReason } from "../support/runtime-bundle.ts";

const skip = runtimeSkipReason() !== undefined;
const folder = mkdtempSync(join(tmpdir(), "gantry-mounts-"));
const at = (name: string): string => join(folder, name);
const mounted = (): string => hostMounts(folder).join("\n");
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(skip)(
  "what is mounted inside nobody sees; what is done outside is done for all; the working folder stays",
  async () => {
    for (const name of ["inner", "outer"]) mkdirSync(at(name));
    const before = mounted();
    const [working, pwd] = [process.cwd(), (): string => spawnSync("pwd", { encoding: "utf8" }).stdout.trim()];
    try {
      {
        using mounts = PrivateMounts.enter();
        mounts.makeTmpfs(at("inner"));
        writeFileSync(at("inner/file"), "");
        const seen = await mounts.outside(async () => {
          expect(spawnSync("mount", ["-t", "tmpfs", "gantry-test", at("outer")]).status).toBe(0);
          return { file: existsSync(at("inner/file")), pwd: pwd() };
        });
        expect(seen).toEqual({ file: false, pwd: working });
        expect({ file: existsSync(at("inner/file")), pwd: pwd() }).toEqual({ file: true, pwd: working });
      }
      expect({ outer: mounted().includes(at("outer")), inner: mounted().includes(at("inner")), pwd: pwd() }).toEqual({
        outer: true,
        inner: false,
        pwd: working,
      });
    } finally {
      spawnSync("umount", [at("outer")]);
    }
    expect(mounted()).toBe(before);
  },
);

test.skipIf(skip)("a root is prepared with the places of mounts, of which a remount is none", () => {
  for (const name of ["rootfs", "root", "data"]) mkdirSync(at(name));
  writeFileSync(at("hosts"), "");
  using mounts = PrivateMounts.enter();
  const spec = {
    ociVersion: "1.2.0",
    mounts: [
      { destination: "/etc/hosts", type: "bind", source: at("hosts"), options: ["bind"] },
      { destination: "/etc/hosts", options: ["remount", "bind", "ro"] },
      { destination: "/data/below", type: "bind", source: at("data"), options: ["rbind"] },
    ],
  };
  expect([...prepareRoot({ spec, path: folder, rootfs: at("rootfs") }, at("root"), mounts)]).toEqual([
    ["/etc/hosts", "/etc/hosts"],
    ["/data/below", "/data/below"],
  ]);
});
