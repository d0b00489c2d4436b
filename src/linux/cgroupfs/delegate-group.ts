import { chownSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../errors/error-code.ts";
import { readIfThere } from "./cgroup-files.ts";

/** What kernels before 4.15, which do not tell, let a group's owner write (cgroups(7)). */
const ALWAYS = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/**
 * Gives a v2 group to a user (cgroup-v2.rst, "Delegation"): the folder, so that groups can be made inside, and the files
 * that the kernel says its owner may write. The limits stay whose they are.
 *
 * @param delegable text of `/sys/kernel/cgroup/delegate`; read when absent.
 */
export function delegateGroup(folder: string, uid: number, delegable?: string): void {
  const text = delegable ?? readIfThere("/sys/kernel/cgroup/delegate");
  const files = text?.split("\n").filter((name) => /^[a-z0-9_]+(\.[a-z0-9_]+)+$/.test(name)) ?? ALWAYS;
  chownSync(folder, uid, -1);
  for (const file of files) {
    try {
      chownSync(join(folder, file), uid, -1);
    } catch (error) {
      // A controller that is not here has no files.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
}
