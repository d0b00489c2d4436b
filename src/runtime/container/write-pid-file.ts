import { closeSync, constants, openSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/** Appears whole, or not at all; others may write to its folder (/tmp). */
export function writePidFile(path: string, pid: number): void {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    const fd = openSync(temporary, FLAGS, 0o644);
    try {
      writeFileSync(fd, String(pid));
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    throw new GantryError("invalid-argument", `cannot write the pid file ${path}`, { cause: error });
  }
}
