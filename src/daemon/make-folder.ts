import { mkdirSync } from "node:fs";
import { GantryError } from "../errors/gantry-error.ts";

/** Makes a folder that a flag names, with those above it. Idempotent. @throws `unavailable`, with the flag. */
export function makeFolder(path: string, flag: "--root" | "--state"): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o711 });
  } catch (cause) {
    throw new GantryError("unavailable", `cannot make the folder ${path}`, { hint: `choose another ${flag}`, cause });
  }
}
