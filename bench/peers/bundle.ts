import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../test/support/command.ts";
import { runToEnd } from "../alternate.ts";
import { PeerAbsent } from "./peer.ts";

export type Runtime = "gantry" | "runc" | "crun";

/** An OCI bundle of busybox that runs `true`, for runtimes without an engine. */
export interface Bundle extends Disposable {
  /** A whole `run` by a runtime, of this bundle or another; `bare`: the system calls alone (`bench/bare/bare-run.c`). */
  commandOf(runtime: Runtime | "bare", bundle?: string): readonly string[];
  /** The system calls alone, in groups that are there already. */
  bareIn(groups: readonly string[]): readonly string[];
  /** `create`, `start` and `delete` of one container. */
  lifeOf(runtime: Runtime): readonly (readonly string[])[];
  readonly folder: string;
}

const GANTRY_RUNC = join(import.meta.dir, "../../bin/gantry-runc");

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
  runToEnd(["cc", "-O2", "-static", "-o", bare, join(import.meta.dir, "../bare/bare-run.c")]);
  let count = 0;
  const newId = (): string => `gantry-bench-${process.pid}-${count++}`;
  const call = (runtime: Runtime, ...args: readonly string[]): readonly string[] => {
    const program = runtime === "gantry" ? GANTRY_RUNC : findProgram(runtime);
    if (program === undefined) throw new PeerAbsent(`${runtime} is not installed`);
    const command = [program, "--root", join(folder, runtime), ...args];
    if (runtime !== "crun") return command;
    // crun refuses a hybrid host: it gets one where the second version's hierarchy is not mounted.
    const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", ...command];
  };
  return {
    folder,
    commandOf(runtime, path = folder) {
      if (runtime === "bare") return [bare, join(folder, "rootfs"), "true"];
      return call(runtime, "run", "--bundle", path, newId());
    },
    bareIn: (groups) => [bare, ...groups.flatMap((path) => ["-g", path]), join(folder, "rootfs"), "true"],
    lifeOf(runtime) {
      const id = newId();
      // What has not ended yet is killed: runc's own way to delete what runs.
      return [
        call(runtime, "create", "--bundle", folder, id),
        call(runtime, "start", id),
        call(runtime, "delete", "--force", id),
      ];
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
