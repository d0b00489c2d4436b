import { readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../errors/error-code.ts";
import { readIfThere } from "./cgroup-files.ts";

/** Deeper than any sane use; a container that may make groups in its own cannot make us recurse without end. */
const MAX_DEPTH = 256;

/** The groups directly inside of a group, as paths. */
export function childGroups(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** A group and all groups inside of it, inner ones first. */
function groupsInside(folder: string, depth = 0): readonly string[] {
  if (depth >= MAX_DEPTH) return [folder];
  return [...childGroups(folder).flatMap((child) => groupsInside(child, depth + 1)), folder];
}

/** A threaded v2 group has no list of processes, but one of threads (cgroup-v2.rst, "Threads"). */
function processList(group: string): string {
  try {
    return readIfThere(join(group, "cgroup.procs")) ?? "";
  } catch (error) {
    // One number with two names.
    const code = errorCode(error);
    if (code !== "EOPNOTSUPP" && code !== "ENOTSUP") throw error;
    return readIfThere(join(group, "cgroup.threads")) ?? "";
  }
}

/** The processes of a group and of all inside of it. */
export function processesInside(folder: string): readonly number[] {
  const found = new Set<number>();
  for (const group of groupsInside(folder)) {
    const text = processList(group);
    // 0 stands for a process of a pid namespace that we do not see.
    for (const line of text.split("\n")) if (/^[1-9]\d*$/.test(line)) found.add(Number(line));
  }
  return [...found];
}

/**
 * Tries once to remove a group with all inside of it.
 *
 * @returns false when the kernel says that something in it is still busy (a process that has not quite ended).
 */
export function tryRemoveTree(folder: string): boolean {
  // Mostly there is nothing inside, and no need to look.
  return tryRemove(folder) || groupsInside(folder).every(tryRemove);
}

/** False for a group that has processes or groups inside. */
function tryRemove(folder: string): boolean {
  try {
    rmdirSync(folder);
  } catch (error) {
    const code = errorCode(error);
    if (code === "EBUSY" || code === "ENOTEMPTY") return false;
    if (code !== "ENOENT") throw error;
  }
  return true;
}
