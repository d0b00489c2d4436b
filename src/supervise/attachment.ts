import { FRAME, FRAME_MAX_BYTES } from "./frames.ts";
import type { MonitorConnection } from "./monitor-connection.ts";

export interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** A client's hold on a container's standard streams. */
export interface Attachment {
  /**
   * Ends when the container's stdio has ended, or after close(). With a tty all is "stdout". Reading slowly slows the
   * container (bounded buffer). One reader only.
   */
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the monitor took the bytes; also when nobody reads them any more, as with a pipe's last words. */
  write(bytes: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
  /** Detaches. */
  close(): void;
}

/** Bytes that may wait here for a slow reader; more wait in the monitor, then in the container. */
const QUEUE_BYTES = 256 * 1024;

class StreamAttachment implements Attachment {
  readonly #connection: MonitorConnection;
  readonly #queue: OutputChunk[] = [];
  #queuedBytes = 0;
  #isEnded = false;
  #wake: () => void = () => {};
  #lastWrite: Promise<unknown> = Promise.resolve();

  constructor(connection: MonitorConnection) {
    this.#connection = connection;
    connection.listen((frame) => {
      if (frame.type === FRAME.output)
        this.#push({ stream: frame.tag === 2 ? "stderr" : "stdout", bytes: frame.bytes });
      if (frame.type === FRAME.end) this.close();
    });
    void connection.closed.then(() => this.#finish());
  }

  #push(chunk: OutputChunk): void {
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.bytes.length;
    if (this.#queuedBytes > QUEUE_BYTES) this.#connection.pause();
    this.#wake();
  }

  #finish(): void {
    this.#isEnded = true;
    this.#wake();
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#queuedBytes -= chunk.bytes.length;
        if (this.#queuedBytes < QUEUE_BYTES / 2) this.#connection.resume();
        yield chunk;
      } else if (this.#isEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    const written = this.#lastWrite.then(() => this.#writeAll(bytes));
    this.#lastWrite = written.catch(() => {});
    return written;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += FRAME_MAX_BYTES)
      await this.#connection.request(FRAME.input, bytes.subarray(at, at + FRAME_MAX_BYTES)).catch(() => 0);
  }

  closeStdin(): Promise<void> {
    const closed = this.#lastWrite.then(() => this.#connection.request(FRAME.closeStdin).catch(() => 0));
    this.#lastWrite = closed;
    return closed.then(() => {});
  }

  close(): void {
    this.#connection.close();
    this.#finish();
  }
}

/** Attaches over a connection that is used for nothing else. */
export async function openAttachment(
  connection: MonitorConnection,
  options: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
): Promise<Attachment> {
  const attachment = new StreamAttachment(connection);
  const ways = (options.stdin ? 1 : 0) | (options.stdout ? 2 : 0) | (options.stderr ? 4 : 0);
  try {
    await connection.demand(FRAME.attach, "attach to the container", Uint8Array.of(ways));
  } catch (error) {
    attachment.close();
    throw error;
  }
  return attachment;
}
