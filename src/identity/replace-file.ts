import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { writeWholeSync } from "../platform/write-whole.ts";

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes a file that only its owner may read, at once or not at all, safe against power loss: a reader sees the old content or
 * the new one.
 *
 * @param owner whose it is to be. @default who writes it
 */
export function replaceFile(path: string, text: string, owner?: FileOwner): void {
  const temporary = `${path}.new`;
  // What a killed process left may be anything, a link to elsewhere included: this one is made anew.
  rmSync(temporary, { force: true });
  const file = openSync(temporary, "wx", 0o600);
  try {
    fchmodSync(file, 0o600);
    writeWholeSync(file, Buffer.from(text, "utf8"));
    // The registry may run as somebody else than who adds a user to it.
    if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
