import { dirname, join } from "node:path";
import { readIfThere, writeExisting } from "./cgroup-files.ts";

/**
 * Gives a new v1 cpuset its parent's processors and memory nodes: it begins with none, and then takes no process and no
 * child of it can have any (kernel: Documentation/admin-guide/cgroup-v1/cpusets.rst, section 1.4). Idempotent.
 */
export function fillCpuset(folder: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const own = readIfThere(join(folder, file));
    // With `cpuset_v2_mode` an empty list means the parent's and need not be filled, but it does no harm.
    if (own === undefined || own.trim() !== "") continue;
    const above = readIfThere(join(dirname(folder), file))?.trim() || effective(dirname(folder), file);
    if (above !== undefined && above !== "") writeExisting(join(folder, file), above);
  }
}

function effective(folder: string, file: string): string | undefined {
  return readIfThere(join(folder, file.replace("cpuset.", "cpuset.effective_")))?.trim();
}
