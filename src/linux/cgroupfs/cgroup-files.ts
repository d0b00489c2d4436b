import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { errorCode } from "../../errors/error-code.ts";

/** A cgroup file's text, or undefined when the file (or its group) is not there. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = errorCode(error);
    // ENODEV is what the kernel says when the group goes away under an open file.
    if (code === "ENOENT" || code === "ENODEV") return undefined;
    throw error;
  }
}

/**
 * Writes in one write(2) and never creates the file: a cgroup's files are the kernel's. It is not opened for reading, which
 * an ordinary user may not do with `cgroup.kill`.
 */
export function writeExisting(path: string, value: string): void {
  const fd = openSync(path, constants.O_WRONLY);
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/** The number in a file of a single value; `max` and v1's "as much as there is" are undefined, an absent file too. */
export function readLimit(path: string): number | undefined {
  const text = readIfThere(path)?.trim();
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  // v1 prints the largest multiple of a page below 2^63 for "no limit".
  return value >= Number.MAX_SAFE_INTEGER ? undefined : value;
}

/** The number in a file of a single value, 0 when it is absent. */
export function readCount(path: string): number {
  return readLimit(path) ?? 0;
}

/** A file of lines `key number`; lines of another form are passed over. */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^(\S+) (\d+)$/.exec(line);
    if (match?.[1] !== undefined) values.set(match[1], Number(match[2]));
  }
  return values;
}
