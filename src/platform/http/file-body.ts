import { open } from "node:fs/promises";
import { streamOf } from "../stream-of.ts";

/** So much of a file is in memory while a client does not take it. Bun's own stream of a file keeps 2 MB and more. */
const CHUNK_BYTES = 512 * 1024;

/** So much where the kernel sends the rest: with it the socket tells when there is room again. */
const CHUNK_BESIDE_KERNEL_BYTES = 64 * 1024;

/**
 * Sends bytes of a file to somebody, as many as go at once.
 *
 * @returns how many
 */
export type SendOn = (fd: number, position: number, bytesMax: number) => number;

/** A part of a file. @param end exclusive */
export class FileSpan {
  readonly #path: string;
  readonly #start: number;
  readonly #end: number;

  constructor(path: string, start: number, end: number) {
    this.#path = path;
    this.#start = start;
    this.#end = end;
  }

  /**
   * Its bytes; the file is opened when the first is wanted.
   *
   * @param sendOn is asked after each chunk but the last, when that is out of the way; what it has sent is not given. Chunks are
   *   then in the same memory, one after the other.
   */
  async *chunks(sendOn?: SendOn): AsyncGenerator<Uint8Array, void, undefined> {
    const file = await open(this.#path);
    const chunkBytes = sendOn === undefined ? CHUNK_BYTES : CHUNK_BESIDE_KERNEL_BYTES;
    const shared = sendOn === undefined ? undefined : Buffer.allocUnsafeSlow(chunkBytes);
    try {
      for (let position = this.#start; position < this.#end; ) {
        const wanted = Math.min(chunkBytes, this.#end - position);
        const { bytesRead, buffer } = await file.read(shared ?? Buffer.allocUnsafeSlow(wanted), 0, wanted, position);
        if (bytesRead === 0) throw new Error(`${this.#path} ends at byte ${position}, before byte ${this.#end}`);
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
        // One byte is left for a chunk: whoever sends it knows that it is the last.
        if (sendOn !== undefined) position += sendOn(file.fd, position, this.#end - position - 1);
      }
    } finally {
      await file.close();
    }
  }
}

const spans = new WeakMap<ReadableStream, FileSpan>();

/** The bytes of a file as the body of a response. @param end exclusive */
export function fileBody(path: string, start: number, end: number): ReadableStream<Uint8Array> {
  const span = new FileSpan(path, start, end);
  const body = streamOf(span.chunks());
  spans.set(body, span);
  return body;
}

/** Which file a body is of, if it is one of `fileBody`'s: whoever sends it may have better ways. */
export function spanOf(body: ReadableStream<Uint8Array>): FileSpan | undefined {
  return spans.get(body);
}
