import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../test/support/command.ts";
import { runToEnd } from "../alternate.ts";
import { PeerAbsent } from "./peer.ts";

/** An OCI bundle of busybox that runs `true`, for runtimes without an engine. */
export interface Bundle extends Disposable {
  /** A whole `run` by a runtime, of this bundle or another; `bare`: the system calls alone (`bench/bare/bare-run.c`). */
  commandOf(runtime: "runc" | "crun" | "bare", bundle?: string): readonly string[];
  readonly folder: string;
}

/** @param rootfs the root filesystem that is copied into it. */
export function makeBundle(rootfs: string): Bundle {
  const runc = findProgram("runc");
  if (runc === undefined) throw new PeerAbsent("runc is not installed");
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-bundle-"));
  cpSync(rootfs, join(folder, "rootfs"), { recursive: true });
  runToEnd(["sh", "-c", `cd ${folder} && ${runc} spec`]);
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  config.process.terminal = false;
  config.process.args = ["true"];
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const bare = join(folder, "bare-run");
  runToEnd(["cc", "-O2", "-o", bare, join(import.meta.dir, "../bare/bare-run.c")]);
  let count = 0;
  return {
    folder,
    commandOf(runtime, path = folder) {
      if (runtime === "bare") return [bare, join(folder, "rootfs"), "true"];
      const program = findProgram(runtime);
      if (program === undefined) throw new PeerAbsent(`${runtime} is not installed`);
      const id = `gantry-bench-${process.pid}-${count++}`;
      if (runtime === "runc") return [program, "--root", join(folder, "runc"), "run", "--bundle", path, id];
      // crun refuses a hybrid host: it gets one where the second version's hierarchy is not mounted.
      const script = `umount /sys/fs/cgroup/unified 2>/dev/null; exec ${program} --root ${folder}/crun run --bundle ${path} ${id}`;
      return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script];
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
