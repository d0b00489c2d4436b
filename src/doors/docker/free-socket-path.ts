import { lstatSync, rmSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { connectUnix } from "../../platform/connect-unix.ts";

/**
 * Makes room for a socket: one that nobody serves any more, as a killed daemon leaves it, is removed. The locks of root and state keep
 * daemons apart, but a socket can be put anywhere, also where another service has its own.
 *
 * @throws `conflict` if somebody serves there, or if what is there is no socket: it is left alone.
 */
export async function freeSocketPath(path: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isSocket()) {
    throw new GantryError("conflict", `cannot listen on ${path}: something that is no socket is there`, {
      hint: "move it away, or choose another --host",
    });
  }
  if (await isServed(path)) {
    throw new GantryError("conflict", `cannot listen on ${path}: another process serves there`, {
      hint: "choose another --host",
    });
  }
  rmSync(path, { force: true });
}

async function isServed(path: string): Promise<boolean> {
  try {
    (await connectUnix(path)).close();
    return true;
  } catch {
    return false;
  }
}
