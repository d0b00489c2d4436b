import { lstatSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { GantryError } from "../errors/gantry-error.ts";

/**
 * Makes room for the daemon's socket: one that nobody serves any more, as a killed daemon leaves it, is removed. The locks of
 * root and state keep daemons apart, but a socket can be put anywhere, also where another service has its own.
 *
 * @throws `conflict` if somebody serves there, or if what is there is no socket: it is left alone.
 */
export async function freeSocketPath(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
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

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // A queue that is full (EAGAIN) belongs to somebody who serves.
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}
