import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { readRawText } from "../../platform/raw-file.ts";
import type { CgroupFolder } from "./cgroup-folder.ts";

/** Whether all processes of a group are stopped, or will be before they do anything else; false without a freezer there. */
export function isFrozen({ version, path }: CgroupFolder): boolean {
  const text = readRawText(`${path}/${version === 2 ? "cgroup.events" : "freezer.state"}`);
  if (typeof text === "string") return version === 2 ? /^frozen 1$/m.test(text) : text.trim() === "FROZEN";
  // ENODEV is what the kernel says when the group goes away under an open file.
  if (text === -ERRNO.ENOENT || text === -ERRNO.ENODEV) return false;
  throw new GantryError("internal", `cannot see whether ${path} is paused: ${describeErrno(-text)}`);
}
