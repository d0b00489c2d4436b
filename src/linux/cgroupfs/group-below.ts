import { join } from "node:path";
import { readIfThere } from "./cgroup-files.ts";
import type { CgroupFolder } from "./cgroup-folder.ts";
import { findUnified } from "./cgroup-host.ts";
import { detectCgroups, locateGroup, parseProcessCgroups } from "./detect-cgroups.ts";

/**
 * The group that a process who joins can be put into where the container's own takes none: a v2 group whose controllers are
 * handed down has no processes of its own (cgroup-v2.rst, "No Internal Process Constraint"), and init is in one below it.
 *
 * @returns undefined where the container's own group takes processes, or init is not below it.
 */
export function groupBelow(folders: readonly CgroupFolder[], initPid: number): string | undefined {
  const own = folders.find(({ version }) => version === 2)?.path;
  if (own === undefined || !readIfThere(join(own, "cgroup.subtree_control"))?.trim()) return undefined;
  const mount = findUnified(detectCgroups());
  if (mount === undefined) return undefined;
  const folder = locateGroup(mount, parseProcessCgroups(readIfThere(`/proc/${initPid}/cgroup`) ?? "").get(""));
  return folder?.startsWith(`${own}/`) ? folder : undefined;
}
