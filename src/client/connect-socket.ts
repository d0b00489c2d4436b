import { GantryError } from "../errors/gantry-error.ts";
import { connectUnix } from "../platform/connect-unix.ts";
import type { SocketStream } from "../platform/socket-stream.ts";

/**
 * Connects to the daemon's socket.
 *
 * @throws `unavailable` if nobody listens at `path`, `permission-denied` if this user may not connect,
 * `cancelled` if `signal` fires first. After that, `signal` breaks the connection with the same error.
 */
export async function connectSocket(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SocketStream> {
  const { signal } = options;
  if (signal?.aborted === true) throw cancelled(signal);
  const stream = await connect(path);
  if (signal !== undefined) {
    const abort = (): void => stream.close(cancelled(signal));
    signal.addEventListener("abort", abort, { once: true });
    void stream.closed.then(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) {
      abort();
      throw cancelled(signal);
    }
  }
  return stream;
}

async function connect(path: string): Promise<SocketStream> {
  try {
    return await connectUnix(path);
  } catch (error) {
    throw connectFailure(path, error as NodeJS.ErrnoException);
  }
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
  return new GantryError("unavailable", `cannot connect to the daemon at unix://${path}`, {
    hint: "is it running? `gantry daemon` starts one",
    cause: error,
  });
}
