import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats, statSync } from "node:fs";
import { GantryError } from "../errors/gantry-error.ts";

/** No file that people write is longer; what is, is read by mistake. */
export const TEXT_FILE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads a file of configuration, whole. A link is followed. Pipes and devices are refused and never waited for: what is configured is read
 * again and again, and a pipe says nothing the second time.
 *
 * @throws `invalid-argument` naming the file and why it cannot be read
 */
export function readTextFile(path: string): string {
  try {
    return readRegularFile(path);
  } catch (cause) {
    throw new GantryError("invalid-argument", `cannot read ${path}`, { cause });
  }
}

/** As `readTextFile`, for who names the file. @throws the system's error, or why it is no such file as the end of a sentence */
export function readRegularFile(path: string): string {
  return readRegularBytes(path).toString("utf8");
}

/** As `readRegularFile`, for what may be no text. */
export function readRegularBytes(path: string): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    requireText(fstatSync(file));
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function requireText(stat: Stats): void {
  if (stat.isDirectory()) throw new GantryError("invalid-argument", "is a directory");
  if (!stat.isFile()) {
    throw new GantryError("invalid-argument", "is a pipe or a device, and no regular file", {
      hint: "write what it says to a file: it is read more than once",
    });
  }
  if (stat.size > TEXT_FILE_BYTES_MAX) {
    throw new GantryError("invalid-argument", `is larger than ${TEXT_FILE_BYTES_MAX} bytes`);
  }
}

/** True if something has this name, a link that leads nowhere or a file that nobody may look at among it: only what is not there says nothing. */
export function isPathTaken(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/** Changes when the file does, or what its name leads to. */
export function fileStamp(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return isPathTaken(path) ? "leads nowhere" : "absent";
    return `${stat.mtimeMs} ${stat.ctimeMs} ${stat.size} ${stat.ino}`;
  } catch (error) {
    return String(error);
  }
}
