import { existsSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../errors/error-code.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { attachDeviceFilter } from "../bpf/attach-device-filter.ts";
import { readIfThere, writeExisting } from "./cgroup-files.ts";
import type { CgroupFolders, CgroupStats } from "./cgroup-stats.ts";
import type { CgroupFileWrite, CgroupWrite } from "./cgroup-write.ts";
import { requireFolder } from "./require-folder.ts";

interface LimitedGroup extends CgroupFolders {
  readonly name: string;
  stats(): CgroupStats;
}

/**
 * Writes limits. A value that the kernel refuses only because of another one still in force (a memory limit above the
 * old limit of memory and swap, a period too short for the old quota) is written again after the rest.
 *
 * @throws `unsupported` for a file that the kernel lacks, `invalid-argument` for a value it refuses, `conflict` for a
 * memory limit below what is used; each names the place in the specification.
 */
export function writeLimits(group: LimitedGroup, writes: readonly CgroupWrite[]): void {
  const again: CgroupFileWrite[] = [];
  for (const write of writes) {
    if ("devices" in write) {
      attachDeviceFilter(requireFolder(group, "unified", write.cause), write.devices);
      continue;
    }
    try {
      writeLimit(group, write);
    } catch (error) {
      const code = errorCode(error);
      if (code !== "EINVAL" && code !== "EBUSY") throw explain(group, write, error);
      again.push(write);
    }
  }
  for (const write of again) {
    try {
      writeLimit(group, write);
    } catch (error) {
      throw explain(group, write, error);
    }
  }
}

function writeLimit(group: LimitedGroup, write: CgroupFileWrite): void {
  const folder = requireFolder(group, write.controller, write.cause);
  for (const { file, value } of [write, ...(write.alternatives ?? [])]) {
    try {
      writeExisting(join(folder, file), value);
      return;
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
  if (write.optional === true) return;
  if (!existsSync(folder)) throw new GantryError("not-found", `there is no control group "${group.name}" any more`);
  const controller = write.file.split(".", 1)[0] ?? "";
  const offered = readIfThere(join(folder, "cgroup.controllers"))?.trim().split(" ");
  if (offered !== undefined && controller !== "cgroup" && !offered.includes(controller)) {
    throw new GantryError(
      "unsupported",
      `${write.cause} cannot be had: the controller "${controller}" is not handed down to ${folder}`,
      { hint: "a group above it has processes of its own, belongs to somebody else, or does not have the controller" },
    );
  }
  throw new GantryError("unsupported", `${write.cause} cannot be had: this kernel has no ${write.file}`, {
    hint: "leave the option out",
  });
}

function explain(group: LimitedGroup, write: CgroupFileWrite, error: unknown): GantryError {
  if (error instanceof GantryError) return error;
  const code = errorCode(error);
  if (code === "EBUSY" && write.file.startsWith("memory.")) {
    const used = group.stats().memory.usageBytes;
    return new GantryError("conflict", `${write.cause}: the limit ${write.value} is below the ${used} bytes in use`, {
      cause: error,
    });
  }
  const known = code === "EACCES" || code === "EPERM" || code === "EROFS" ? "permission-denied" : "invalid-argument";
  return new GantryError(known, `${write.cause}: the kernel refused "${write.value}" for ${write.file}`, {
    cause: error,
  });
}
