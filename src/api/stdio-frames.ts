import { GantryError } from "../errors/gantry-error.ts";
import type { OutputFrame } from "./stdio-connection.ts";

/** Media types of output streams: as a terminal printed it, or in frames that name stdout and stderr. */
export const RAW_STREAM = "application/vnd.docker.raw-stream";
export const MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream";

const HEADER_BYTES = 8;
const STREAM_NUMBERS = { stdout: 1, stderr: 2 } as const;
/** Our own: only clients that ask for positions get such frames. */
const POSITION_NUMBER = 4;

/**
 * One frame of a multiplexed stream: the stream's number, three zeros, the length in big-endian order, the bytes
 * (API documentation, `POST /containers/{id}/attach`, "Stream format").
 */
export function encodeFrame(frame: OutputFrame): Uint8Array {
  const encoded = Buffer.allocUnsafe(HEADER_BYTES + frame.bytes.byteLength);
  encoded.writeUInt32BE(STREAM_NUMBERS[frame.stream] << 24, 0);
  encoded.writeUInt32BE(frame.bytes.byteLength, 4);
  encoded.set(frame.bytes, HEADER_BYTES);
  return encoded;
}

/** A frame that says where in the container's log (`NUMBER.OFFSET`) the output behind it begins. */
export function encodePosition(position: string): Uint8Array {
  const encoded = encodeFrame({ stream: "stdout", bytes: Buffer.from(position) });
  encoded[0] = POSITION_NUMBER;
  return encoded;
}

/**
 * Takes a multiplexed stream apart. A frame's bytes are given on as they come, so that the length which it claims
 * reserves nothing.
 *
 * @throws `data-loss` if the stream is not multiplexed or ends within a frame, and with the daemon's own message for
 * a frame of the error stream (3).
 * @param onPosition is told each position between what was yielded before and what is yielded next.
 */
export async function* decodeFrames(
  body: AsyncIterable<Uint8Array>,
  onPosition: (position: string) => void = () => {},
): AsyncGenerator<OutputFrame, void, undefined> {
  const header = new Uint8Array(HEADER_BYTES);
  let headerLength = 0;
  let missing = 0;
  let stream: FrameStream = "stdout";
  let message = "";
  for await (let bytes of body) {
    while (bytes.byteLength > 0) {
      if (missing === 0) {
        const taken = bytes.subarray(0, HEADER_BYTES - headerLength);
        header.set(taken, headerLength);
        headerLength += taken.byteLength;
        bytes = bytes.subarray(taken.byteLength);
        if (headerLength < HEADER_BYTES) break;
        headerLength = 0;
        stream = streamOf(header);
        missing = new DataView(header.buffer).getUint32(4);
        continue;
      }
      const taken = bytes.subarray(0, missing);
      missing -= taken.byteLength;
      bytes = bytes.subarray(taken.byteLength);
      if (stream === "stdout" || stream === "stderr") {
        yield { stream, bytes: taken };
        continue;
      }
      if (message.length < 64 * 1024) message += Buffer.from(taken).toString("utf8");
      if (missing > 0) continue;
      if (stream === "error") throw new GantryError("internal", `error from daemon in stream: ${message}`);
      onPosition(message);
      message = "";
    }
  }
  if (missing > 0 || headerLength > 0) throw new GantryError("data-loss", "the output stream broke off within a frame");
}

type FrameStream = OutputFrame["stream"] | "error" | "position";

function streamOf(header: Uint8Array): FrameStream {
  switch (header[0]) {
    case 0: // What was typed, echoed: clients print it as stdout.
    case 1:
      return "stdout";
    case 2:
      return "stderr";
    case 3:
      return "error";
    case POSITION_NUMBER:
      return "position";
    default:
      throw new GantryError("data-loss", `the output stream names an unknown stream: ${header[0]}`);
  }
}
