import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { readIfThere, writeExisting } from "./cgroup-files.ts";
import type { CgroupWrite } from "./cgroup-write.ts";

/** Controllers that can tell threads of one process apart (kernel: `.threaded = true`); all others are for processes. */
const THREADED = new Set(["cpu", "cpuset", "perf_event", "pids", "cgroup"]);

/**
 * Makes a new v2 group usable where a group above it is threaded (cgroup-v2.rst, "Threads"): it is then invalid, and can
 * only become threaded too, which leaves it the controllers that know threads.
 *
 * @throws `conflict` when one of `writes` is for another controller.
 */
export function settleThreads(folder: string, writes: readonly CgroupWrite[]): void {
  const type = readIfThere(join(folder, "cgroup.type"))?.trim();
  if (type === undefined || type === "domain") return;
  const whole = writes.find(
    (write) => write.controller === "unified" && "file" in write && !THREADED.has(write.file.split(".", 1)[0] ?? ""),
  );
  if (whole !== undefined) {
    throw new GantryError("conflict", `${whole.cause} cannot be had in ${folder}: the group is ${type}`, {
      hint: "groups above it hold threads, or processes of their own; choose another linux.cgroupsPath",
    });
  }
  if (type === "domain invalid") writeExisting(join(folder, "cgroup.type"), "threaded");
}
