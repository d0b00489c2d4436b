import { GantryError } from "../../errors/gantry-error.ts";
import { ERRNO } from "../../platform/errno.ts";
import { removeRawFile, removeRawFolder } from "../../platform/raw-file.ts";

export const STATE_FILE = "state.json";
/** Init waits until somebody writes into the first; why it then cannot execute its program comes through the second. */
export const START_FIFO = "exec.fifo";
export const RESULT_FIFO = "exec.result";

/** @throws `invalid-argument` for what is no name of a container (runc: libcontainer/factory_linux.go). */
export function checkId(id: string): void {
  if (!/^[\w+.-]{1,1024}$/.test(id) || id === "." || id === "..")
    throw new GantryError("invalid-argument", `invalid container ID format: ${JSON.stringify(id)}`, {
      hint: "letters, digits and + _ . - make an ID",
    });
}

export function stateFolder(root: string, id: string): string {
  return `${root}/${id}`;
}

/** The state itself goes last: until then the folder says whose it is. Idempotent. */
export async function removeStateFolder(folder: string): Promise<void> {
  for (const name of [START_FIFO, RESULT_FIFO, STATE_FILE]) removeRawFile(`${folder}/${name}`);
  const failure = -removeRawFolder(folder);
  if (failure === 0 || failure === ERRNO.ENOENT) return;
  const { rmSync } = await import("node:fs");
  rmSync(folder, { recursive: true, force: true });
}
