import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "../../errors/error-code.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { writeExisting } from "./cgroup-files.ts";
import type { CgroupFolder } from "./cgroup-folder.ts";
import { isFrozen } from "./is-frozen.ts";

interface FreezeOptions {
  /** The container, for messages. */
  readonly what: string;
  readonly timeoutMs: number;
}

function order(folder: CgroupFolder, freeze: boolean, what: string): void {
  const [file, value] =
    folder.version === 2 ? ["cgroup.freeze", freeze ? "1" : "0"] : ["freezer.state", freeze ? "FROZEN" : "THAWED"];
  try {
    writeExisting(join(folder.path, file), value);
  } catch (error) {
    const isGone = errorCode(error) === "ENOENT" || errorCode(error) === "ENODEV";
    throw new GantryError(isGone ? "not-found" : "internal", `cannot ${freeze ? "pause" : "resume"} "${what}"`, {
      cause: error,
    });
  }
}

/**
 * Freezes a group and waits until the kernel says so.
 *
 * A v1 freezer can stay in FREEZING while new processes appear in it or one is in an uninterruptible wait (kernel:
 * cgroup-v1/freezer-subsystem.rst); asking again makes it look again, and letting go for a moment frees two that wait
 * for each other (as runc does).
 */
export async function freezeGroup(folder: CgroupFolder, options: FreezeOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  for (let round = 0; ; round++) {
    if (folder.version === 1 && round > 0 && round % 50 === 0) order(folder, false, options.what);
    if (folder.version === 1 || round === 0) order(folder, true, options.what);
    if (isFrozen(folder)) return;
    if (performance.now() > deadline) {
      order(folder, false, options.what);
      throw new GantryError("unavailable", `"${options.what}" cannot be paused: a process of it does not stop`);
    }
    await delay(round < 5 ? 0 : Math.min(round - 4, 10));
  }
}

/** Thaws a group; its processes run when this resolves. */
export async function thawGroup(folder: CgroupFolder, options: FreezeOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  order(folder, false, options.what);
  for (let round = 0; isFrozen(folder); round++) {
    if (performance.now() > deadline) {
      throw new GantryError("unavailable", `"${options.what}" cannot be resumed: a group above it is paused too`);
    }
    await delay(Math.min(round, 10));
  }
}
