import type { Socket } from "node:net";
import type { IncomingBody } from "./incoming-body.ts";

/** How long a client may go on with a body that nobody reads, once it is answered. */
export interface LingerLimits {
  readonly totalMs: number;
  /** Between two pieces of it. */
  readonly silentMs: number;
  readonly bytesMax: number;
}

/** The times are those of nginx's `lingering_time` and `lingering_timeout`; nearly every layer of an image has fewer bytes. */
export const LINGER: LingerLimits = { totalMs: 30_000, silentMs: 5000, bytesMax: 4 * 2 ** 30 };

/**
 * Takes the rest of a body that nobody reads. A client may read the answer only when it has sent all: a connection that is closed before is
 * reset, and the answer lost (RFC 9112, section 9.6). One that takes too long has had its time to read, and its connection ends.
 */
export async function linger(socket: Socket, body: IncomingBody, limits: LingerLimits): Promise<void> {
  const end = (): void => void socket.destroy();
  const total = setTimeout(end, limits.totalMs);
  const silent = setTimeout(end, limits.silentMs);
  let droppedBytes = 0;
  try {
    await body.discard((bytes) => {
      silent.refresh();
      droppedBytes += bytes;
      if (droppedBytes > limits.bytesMax) end();
    });
  } finally {
    clearTimeout(total);
    clearTimeout(silent);
  }
}
