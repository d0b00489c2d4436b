import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

/**
 * An absolute, clean path inside of the container; `..` never leaves it. A relative one begins at "/", as old
 * configurations have it (runtime-spec, config.md, "Mounts").
 *
 * @param path of the text in the specification, for messages.
 */
export function parseTarget(destination: string, path: string): string {
  if (destination === "") throw new GantryError("invalid-argument", `${path}: missing`);
  const target = posix.normalize(`/${destination}`).replace(/(?<=.)\/$/, "");
  if (target === "/") throw new GantryError("invalid-argument", `${path}: a mount cannot replace "/"`);
  return target;
}
