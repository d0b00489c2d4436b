import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { writeWholeSync } from "../platform/write-whole.ts";

export interface ReplaceFileOptions {
  /** Whose it is to be, and who may read it. @default its owner alone, who is who writes it */
  readonly as?: { readonly uid: number; readonly gid: number; readonly mode: number };
  /** Asked last, when all is written: false leaves what is there. @default that is replaced, whatever it is */
  readonly isWanted?: () => boolean;
}

const PERMISSION_BITS = 0o777;

/**
 * Writes a file at once or not at all, safe against power loss: a reader sees the old content or the new one. What fails leaves nothing
 * beside it.
 *
 * @returns false if it was not wanted any more
 * @throws what the file system says
 */
export function replaceFile(path: string, text: string, options: ReplaceFileOptions = {}): boolean {
  const temporary = `${path}.new`;
  // What a killed process left may be anything, a link to elsewhere included: this one is made anew.
  rmSync(temporary, { force: true });
  try {
    writeAside(temporary, text, options);
    if (options.isWanted?.() === false) {
      rmSync(temporary);
      return false;
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
  return true;
}

function writeAside(path: string, text: string, { as }: ReplaceFileOptions): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeWholeSync(file, Buffer.from(text, "utf8"));
    // The registry may run as somebody else than who adds a user to it, and may be let read it by its group.
    if (as !== undefined) fchownSync(file, as.uid, as.gid);
    fchmodSync(file, as === undefined ? 0o600 : as.mode & PERMISSION_BITS);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
