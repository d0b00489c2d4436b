import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../errors/error-code.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { readIfThere, writeExisting } from "./cgroup-files.ts";
import type { CgroupMount } from "./cgroup-host.ts";

/** The group for the processes that were in a folder which now has to hand out controllers. */
const LEAF_GROUP = "gantry-leaf";

/** What a single controller may say to being handed down, without an end to all. */
const MAY_REFUSE = new Set(["EINVAL", "ENOENT", "EBUSY", "EOPNOTSUPP", "ENOTSUP", "EACCES", "EPERM", "EROFS"]);

function words(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

/** Moves each process of `folder` into a group inside of it: a group that hands out controllers has none of its own. */
function moveProcessesToLeaf(folder: string): void {
  const leaf = join(folder, LEAF_GROUP);
  mkdirSync(leaf, { recursive: true });
  // A process that forks meanwhile leaves a child behind: look again, a bounded number of times.
  for (let round = 0; round < 10; round++) {
    const pids = words(readIfThere(join(folder, "cgroup.procs"))).filter((pid) => pid !== "0");
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        writeExisting(join(leaf, "cgroup.procs"), pid);
      } catch (error) {
        if (errorCode(error) !== "ESRCH") throw error;
      }
    }
  }
}

/**
 * Lets the groups inside of `folder` (v2) have every controller that `folder` has, so that their files appear there
 * (cgroup-v2.rst, "Top-down Constraint"). Idempotent.
 *
 * A folder other than the real root cannot both hold processes and hand out controllers ("No Internal Process
 * Constraint"). If it is this daemon's own (a delegated one: systemd's `Delegate=yes`, the top of a container), its
 * processes move to a leaf; if it is another's, this is refused. With `movesNothing` neither happens, and controllers are
 * missing below: what then cannot be had is told when a limit is written. So it is for folders that are not ours to write.
 */
export function enableControllers(
  folder: string,
  mount: CgroupMount,
  options: { readonly movesNothing?: boolean } = {},
): void {
  const enabled = new Set(words(readIfThere(join(folder, "cgroup.subtree_control"))));
  const control = join(folder, "cgroup.subtree_control");
  const wanted = words(readIfThere(join(folder, "cgroup.controllers"))).filter((name) => !enabled.has(name));
  if (wanted.length === 0) return;
  const enable = (names: readonly string[]): void => writeExisting(control, names.map((name) => `+${name}`).join(" "));
  try {
    enable(wanted);
    return;
  } catch (error) {
    if (errorCode(error) === "EBUSY" && options.movesNothing !== true) {
      if (folder !== mount.ownPath) {
        throw new GantryError("conflict", `cannot hand out controllers in ${folder}: it has processes of its own`, {
          cause: error,
          hint: "start the daemon in a control group that is its own (systemd: Delegate=yes)",
        });
      }
      moveProcessesToLeaf(folder);
    }
  }
  // One by one: some controller (cpu with real-time processes in v1 style, a device-less one) may refuse alone. What then
  // is missing shows when a limit is written.
  for (const name of wanted) {
    try {
      enable([name]);
    } catch (error) {
      if (!MAY_REFUSE.has(errorCode(error) ?? "")) throw error;
    }
  }
}

/**
 * The folder below which our groups go in a v2 hierarchy: the top, when it is the real root or ours to write; else the
 * daemon's own folder, which must have been delegated to it.
 */
export function v2Base(mount: CgroupMount): string {
  const isRealRoot = !existsSync(join(mount.mountPoint, "cgroup.type"));
  return isRealRoot || mount.ownPath === undefined ? mount.mountPoint : mount.ownPath;
}
