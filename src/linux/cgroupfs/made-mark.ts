import { chmodSync, lstatSync, rmdirSync } from "node:fs";
import { errorCode } from "../../errors/error-code.ts";

/**
 * The sticky bit says "made by us, and not written down yet". mkdir(2) sets it in the same moment as it makes the group, so
 * that who is killed right then leaves a group that can be told from another's of that name; it means nothing in a control group.
 */
const STICKY = 0o1000;
const PLAIN = 0o755;

export const MARKED_MODE: number = STICKY | PLAIN;

/** It is written down whose they are. */
export function unmark(folders: readonly string[]): void {
  for (const folder of folders) chmodSync(folder, PLAIN);
}

/** Removes a group that has the mark, and nobody in it: nobody is put into one before it is written down. Idempotent. */
export function removeMarked(folder: string): void {
  try {
    if ((lstatSync(folder).mode & STICKY) !== 0) rmdirSync(folder);
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT" && code !== "EBUSY" && code !== "ENOTEMPTY") throw error;
  }
}
