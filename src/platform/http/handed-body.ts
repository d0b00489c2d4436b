import type { IncomingMessage } from "node:http";
import { BodyEnd } from "./body-end.ts";
import type { IncomingBody } from "./incoming-body.ts";

/** The most of a body that waits for its reader. */
const UNREAD_BYTES_MAX = 256 * 1024;

/**
 * The body of a request on a connection that node:http was handed, of node:tls: as it comes, and no faster than it is read. Bun's node:http does
 * not hold such a connection back (measured with 1.4.5).
 */
export function readHandedBody(incoming: IncomingMessage): IncomingBody {
  const { socket } = incoming;
  const end = new BodyEnd(incoming);
  const hold = (): void => void (incoming.readableLength >= UNREAD_BYTES_MAX && socket.pause());
  const release = (): void => {
    socket.off("data", hold);
    socket.resume();
  };
  // After the parser's own listener: it counts what that one has just given.
  socket.on("data", hold);
  incoming.once("end", release).once("close", release);
  const chunks: AsyncIterator<Uint8Array> = incoming[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (incoming.readableLength < UNREAD_BYTES_MAX) socket.resume();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void discard(),
    },
    { highWaterMark: 0 },
  );
  const drain = (): void => {
    for (let chunk = incoming.read(); chunk !== null; chunk = incoming.read()) end.dropped(chunk.byteLength);
  };
  const begin = async (): Promise<void> => {
    release();
    incoming.on("readable", drain);
    drain();
  };
  const discard: IncomingBody["discard"] = (onDropped) => end.discard({ begin, whole: end.ended }, onDropped);
  return {
    stream,
    whole: end.ended,
    get isWhole() {
      return end.isEnded;
    },
    isBypassed: false,
    discard,
  };
}
