import { createConnection } from "node:net";
import { GantryError } from "../errors/gantry-error.ts";
import { SocketStream } from "../platform/socket-stream.ts";

/**
 * Connects to the daemon's socket.
 *
 * @throws `unavailable` if nobody listens at `path`, `permission-denied` if this user may not connect,
 * `cancelled` if `signal` fires first. After that, `signal` breaks the connection with the same error.
 */
export function connectSocket(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<SocketStream> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(cancelled(signal));
      return;
    }
    const socket = createConnection({ path, allowHalfOpen: true });
    const stream = new SocketStream(socket);
    const abort = (): void => {
      if (signal === undefined) return;
      const reason = cancelled(signal);
      stream.close(reason);
      reject(reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    socket.once("connect", () => resolve(stream));
    socket.once("error", (error: NodeJS.ErrnoException) => reject(connectFailure(path, error)));
    socket.once("close", () => signal?.removeEventListener("abort", abort));
  });
}

function cancelled(signal: AbortSignal): GantryError {
  return new GantryError("cancelled", "the call was cancelled", { cause: signal.reason });
}

function connectFailure(path: string, error: NodeJS.ErrnoException): GantryError {
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new GantryError("permission-denied", `permission denied while connecting to the daemon at unix://${path}`, {
      hint: "run with sudo",
      cause: error,
    });
  }
  return new GantryError("unavailable", `cannot connect to the daemon at unix://${path}: is it running?`, {
    hint: "start it with `gantry daemon`",
    cause: error,
  });
}
