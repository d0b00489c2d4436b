import { createConnection, type Socket } from "node:net";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno } from "../platform/errno.ts";
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
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (errno: number | undefined) => void>();
  readonly #decoder: FrameDecoder;
  #tag = 0;
  #listener: ((frame: Frame) => void) | undefined;
  #early: Frame[];
  #isClosed = false;
  #resolveClosed: () => void = () => {};
  /** Resolves when the connection is over, from whichever side. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, hello: Hello, decoder: FrameDecoder, early: Frame[]) {
    this.#socket = socket;
    this.hello = hello;
    this.#decoder = decoder;
    this.#early = early;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => this.#end());
    socket.on("error", () => this.#end());
  }

  /** @throws `unavailable` when no monitor listens there. */
  static open(socketPath: string): Promise<MonitorConnection> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ path: socketPath });
      const decoder = new FrameDecoder();
      const refuse = (cause?: unknown): void => {
        socket.removeAllListeners();
        socket.on("error", () => {});
        socket.destroy();
        reject(
          cause instanceof GantryError
            ? cause
            : new GantryError("unavailable", `no monitor listens on ${socketPath}`, { cause }),
        );
      };
      socket.on("error", refuse);
      socket.on("close", () => refuse());
      socket.on("data", (chunk: Buffer) => {
        try {
          const [first, ...early] = decoder.push(chunk);
          if (first === undefined) return;
          const hello = decodeHello(first.bytes);
          if (first.type !== FRAME.hello || hello.version < PROTOCOL_VERSION)
            throw new GantryError("unsupported", `the monitor on ${socketPath} speaks another protocol`);
          socket.removeAllListeners();
          resolve(new MonitorConnection(socket, hello, decoder, early));
        } catch (error) {
          refuse(error);
        }
      });
    });
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
      this.#socket.write(encodeFrame({ type, tag, bytes }));
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

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Lets the process end although this connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.destroy();
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
    this.#resolveClosed();
  }
}
