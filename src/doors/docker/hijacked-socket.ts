import type { Socket } from "node:net";
import { streamOfNodeSocket } from "../../platform/node-socket-stream.ts";
import { isPeerGone } from "../../platform/peer-gone.ts";
import type { Hijacked } from "./exchange.ts";

/** How often a silent client is looked after once it has ended its sending half. */
const PEER_CHECK_MS = 1000;
/** How long a client may take to close after we have. */
const LINGER_MS = 5000;

/**
 * A taken-over connection.
 *
 * After the end of input a client that only half-closed looks like one that is gone: `gone` is called for the latter,
 * within about a second.
 */
export function hijackedSocket(socket: Socket, early: Uint8Array, gone: () => void): Hijacked {
  const stream = streamOfNodeSocket(socket);
  stream.unread(early);
  let watch: NodeJS.Timeout | undefined;
  void stream.closed.then(() => {
    clearInterval(watch);
    gone();
  });
  return {
    async read() {
      const bytes = await stream.read();
      if (bytes === undefined && watch === undefined && !socket.destroyed) {
        watch = setInterval(() => {
          if (isPeerGone(socket)) stream.close();
        }, PEER_CHECK_MS);
        watch.unref();
      }
      return bytes;
    },
    write: (bytes) => stream.write(bytes),
    async end() {
      await stream.endWriting();
      // A unix socket that is closed with unread input resets: the client would lose the end of its output.
      const deadline = setTimeout(() => stream.close(), LINGER_MS);
      deadline.unref();
      try {
        while ((await stream.read()) !== undefined) {
          // What is still typed goes nowhere.
        }
      } catch {
        // Broken is as good as ended.
      } finally {
        clearTimeout(deadline);
        stream.close();
      }
    },
  };
}
