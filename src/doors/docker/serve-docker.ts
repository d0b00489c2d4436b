import { chmodSync, chownSync, existsSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { createDockerServer, type DockerServerOptions } from "./docker-server.ts";
import { freeSocketPath } from "./free-socket-path.ts";

export interface ServeDockerOptions extends DockerServerOptions {
  /**
   * Where to listen. A socket that a killed daemon left there is removed.
   */
  readonly socketPath: string;
  /**
   * A group that may connect too. Whoever may connect is root on this host, since a container can be given the
   * host's root folder: so nobody but root may unless the administrator named a group. (Docker falls back to a group
   * of the name `docker` wherever it exists; we do not hand root to a group that was made for something else.)
   */
  readonly groupId?: number;
}

/** The Docker door, open. Closing it ends every connection; containers go on. */
export interface DockerDoor extends AsyncDisposable {
  readonly socketPath: string;
  /** No new connections; those that are open go on until `close`. */
  stopListening(): void;
  close(): Promise<void>;
}

/**
 * Serves Docker's Engine API on a unix socket.
 *
 * @throws `unavailable` if the socket cannot be made, `conflict` if something else is there.
 */
export async function serveDocker(options: ServeDockerOptions): Promise<DockerDoor> {
  const { socketPath, groupId } = options;
  const http = createDockerServer(options);
  const connections = new Set<Socket>();
  const front = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", () => {});
    http.emit("connection", socket);
  });
  await freeSocketPath(socketPath);
  try {
    await new Promise<void>((resolve, reject) => {
      front.once("error", reject);
      // bind(2) happens within `listen` and takes its rights from the umask: nobody else's from the first moment on.
      const umask = process.umask(0o177);
      try {
        front.listen(socketPath, () => {
          front.off("error", reject);
          resolve();
        });
      } finally {
        process.umask(umask);
      }
    });
    if (groupId !== undefined) {
      chownSync(socketPath, 0, groupId);
      chmodSync(socketPath, 0o660);
    }
  } catch (cause) {
    // Bun does not say why.
    const hint = existsSync(dirname(socketPath)) ? {} : { hint: "its folder does not exist" };
    throw new GantryError("unavailable", `cannot listen on ${socketPath}`, { ...hint, cause });
  }
  front.on("error", (error) => options.warn(`the socket ${socketPath} failed: ${error.message}`));
  let isListening = true;
  const stopListening = (): void => {
    if (isListening) front.close();
    isListening = false;
  };
  const close = async (): Promise<void> => {
    const closed = [...connections].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    stopListening();
    for (const socket of connections) socket.destroy();
    await Promise.all(closed);
    http.close();
  };
  return { socketPath, stopListening, close, [Symbol.asyncDispose]: close };
}
