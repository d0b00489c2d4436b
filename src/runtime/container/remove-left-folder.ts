import { existsSync, readdirSync, rmSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { RESULT_FIFO, START_FIFO, STATE_FILE, stateFolder } from "./state-folder.ts";
import { RESOURCES_FILE } from "./updated-resources.ts";

const OWN_FILES = [STATE_FILE, START_FIFO, RESULT_FIFO, RESOURCES_FILE].flatMap((name) => [name, `.${name}.new`]);

/**
 * Removes what a killed creation left: a folder without a state that can be read, and with nothing in it but our own files.
 * Idempotent.
 *
 * @throws `unsupported` for another runtime's (crun has its own files there), whose control groups nobody else would find.
 */
export function removeLeftFolder(root: string, id: string): void {
  const folder = stateFolder(root, id);
  if (!existsSync(folder)) return;
  const foreign = readdirSync(folder).find((name) => !OWN_FILES.includes(name));
  if (foreign !== undefined)
    throw new GantryError(
      "unsupported",
      `container "${id}" is not this runtime's: it has a file "${foreign}" in ${folder}`,
      {
        hint: "use the one that made it, or another --root",
      },
    );
  rmSync(folder, { recursive: true, force: true });
}
