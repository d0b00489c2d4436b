import { lstatSync, rmSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { connectUnix } from "../../platform/connect-unix.ts";

/**
 * Removes the socket that a killed daemon left at `path`, and nothing else: a file is no socket, and one that answers is
 * somebody's (a dockerd's, a daemon's with another root).
 *
 * @throws `conflict`
 */
export async function freeSocketPath(path: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isSocket()) throw taken(path, "what is there is no socket");
  if (await answers(path)) throw taken(path, "another process listens there");
  rmSync(path, { force: true });
}

async function answers(path: string): Promise<boolean> {
  try {
    (await connectUnix(path)).close();
    return true;
  } catch {
    return false;
  }
}

function taken(path: string, why: string): GantryError {
  return new GantryError("conflict", `cannot listen on ${path}: ${why}`, { hint: "choose another --host" });
}
