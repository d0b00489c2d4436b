import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

/** Where criu is told to write its log. */
export interface CriuLog {
  readonly folder: string;
  readonly file: string;
}

/**
 * A log that is not there yet: one of an earlier call would be told as this one's, and criu writes to where a link of
 * that name leads, or waits for a fifo's reader.
 *
 * @throws `invalid-argument` for what cannot be removed.
 */
export function freshLog(folder: string, file: string): CriuLog {
  const path = join(folder, file);
  try {
    unlinkSync(path);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isMissing) throw new GantryError("invalid-argument", `cannot replace the log ${path}`, { cause: error });
  }
  return { folder, file };
}
