import { renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

/** Appears whole, or not at all. */
export function writePidFile(path: string, pid: number): void {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    writeFileSync(temporary, String(pid), { mode: 0o644 });
    renameSync(temporary, path);
  } catch (error) {
    throw new GantryError("invalid-argument", `cannot write the pid file ${path}`, { cause: error });
  }
}
