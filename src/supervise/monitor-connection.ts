import { GantryError, isGantryError } from "../errors/gantry-error.ts";
import { connectUnix } from "../platform/connect-unix.ts";
import { describeErrno } from "../platform/errno.ts";
import type { SocketStream } from "../platform/socket-stream.ts";
import {
  decodeHello,
  decodeReply,
  encodeFrame,
  FRAME,
  type Frame,
  FrameDecoder,
  type Hello,
  PROTOCOL_VERSION,
} from "./frames.ts";

/** One connection to a monitor: requests that get their answers, and what the monitor says by itself. */
export class MonitorConnection {
  readonly hello: Hello;
  readonly #stream: SocketStream;
  readonly #waiting = new Map<number, (errno: number | undefined) => void>();
  readonly #decoder: FrameDecoder;
  readonly #closing = Promise.withResolvers<void>();
  #tag = 0;
  #listener: ((frame: Frame) => void) | undefined;
  #early: Frame[];
  #pausing: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  private constructor(stream: SocketStream, hello: Hello, decoder: FrameDecoder, early: Frame[]) {
    this.#stream = stream;
    this.hello = hello;
    this.#decoder = decoder;
    this.#early = early;
    void this.#receiveAll();
  }

  /** @throws `unavailable` when no monitor listens there. */
  static async open(socketPath: string): Promise<MonitorConnection> {
    let stream: SocketStream | undefined;
    try {
      stream = await connectUnix(socketPath);
      const decoder = new FrameDecoder();
      for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
        const [first, ...early] = decoder.push(bytes);
        if (first === undefined) continue;
        const hello = decodeHello(first.bytes);
        if (first.type !== FRAME.hello || hello.version < PROTOCOL_VERSION)
          throw new GantryError("unsupported", `the monitor on ${socketPath} speaks another protocol`);
        return new MonitorConnection(stream, hello, decoder, early);
      }
      throw new GantryError("unavailable", `no monitor listens on ${socketPath}`);
    } catch (cause) {
      stream?.close();
      if (isGantryError(cause)) throw cause;
      throw new GantryError("unavailable", `no monitor listens on ${socketPath}`, { cause });
    }
  }

  /** Resolves when the connection is over, from whichever side. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** Hands all frames but answers to `listener`, those that came before included. */
  listen(listener: (frame: Frame) => void): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const frame of early) listener(frame);
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @returns the errno of the answer, 0 for success.
   * @throws `unavailable` when the connection ends before it.
   */
  request(type: number, bytes: Uint8Array = new Uint8Array(0)): Promise<number> {
    const tag = this.#nextTag();
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new GantryError("unavailable", "the container's monitor is gone"));
      if (this.#isClosed) {
        gone();
        return;
      }
      this.#waiting.set(tag, (errno) => (errno === undefined ? gone() : resolve(errno)));
      // One that breaks ends the reading too, and with it this wait.
      this.#stream.write(encodeFrame({ type, tag, bytes })).catch(() => {});
    });
  }

  /** Like `request`, but every errno is an error: "cannot <task>: EINVAL: …". */
  async demand(type: number, task: string, bytes?: Uint8Array): Promise<void> {
    const errno = await this.request(type, bytes);
    if (errno !== 0) throw new GantryError("conflict", `cannot ${task}: ${describeErrno(errno)}`);
  }

  #nextTag(): number {
    do this.#tag = (this.#tag + 1) & 0xffff;
    while (this.#waiting.has(this.#tag));
    return this.#tag;
  }

  /** Leaves what comes in the kernel, all but a bounded part. */
  pause(): void {
    this.#pausing ??= Promise.withResolvers();
  }

  resume(): void {
    this.#pausing?.resolve();
    this.#pausing = undefined;
  }

  close(): void {
    this.#stream.close();
    this.resume();
    this.#end();
  }

  async #receiveAll(): Promise<void> {
    try {
      for (let bytes = await this.#stream.read(); bytes !== undefined; bytes = await this.#stream.read()) {
        this.#receive(bytes);
        if (this.#pausing !== undefined) await this.#pausing.promise;
      }
    } catch {
      // Broken is over, too.
    }
    this.#stream.close();
    this.#end();
  }

  #receive(chunk: Uint8Array): void {
    let frames: Frame[];
    try {
      frames = this.#decoder.push(chunk);
    } catch {
      this.close();
      return;
    }
    for (const frame of frames) {
      if (frame.type === FRAME.reply) {
        const answer = this.#waiting.get(frame.tag);
        this.#waiting.delete(frame.tag);
        answer?.(decodeReply(frame.bytes));
      } else if (this.#listener === undefined) {
        this.#early.push(frame);
      } else {
        this.#listener(frame);
      }
    }
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const answer of this.#waiting.values()) answer(undefined);
    this.#waiting.clear();
    this.#closing.resolve();
  }
}
