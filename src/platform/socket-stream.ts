import { GantryError } from "../errors/gantry-error.ts";

/** A connected stream socket of one of the runtime's kinds. What happens to it, its maker tells a `SocketStream`. */
export interface RawSocket {
  /** Stops reading from the kernel, and goes on. */
  pause(): void;
  resume(): void;
  /** Resolves when the kernel has taken the bytes, rejects when it never will; always one of both. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Says that nothing more will be written; reading goes on. Resolves when that is said, or the socket is gone. */
  endWriting(): Promise<void>;
  /** Closes both directions at once. */
  destroy(): void;
  /** Whether the process lives on for it. */
  ref(): void;
  unref(): void;
}

/** What is read ahead of the reader; more stays in the kernel, then with the sender. */
const READ_AHEAD_BYTES = 256 * 1024;

/** A connected stream socket that is read by pulling: a slow reader slows the sender down. */
export class SocketStream {
  readonly #socket: RawSocket;
  readonly #received: Uint8Array[] = [];
  readonly #closing = Promise.withResolvers<void>();
  #receivedBytes = 0;
  #isPaused = false;
  #hasEnded = false;
  #isIdle = false;
  #failure: Error | undefined;
  #wakeReader: (() => void) | undefined;

  /** @param socket may receive at once. */
  constructor(socket: RawSocket) {
    this.#socket = socket;
  }

  /** Resolves when the connection is gone, whichever way. Never rejects. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** The socket's maker: it received these. */
  hasReceived(bytes: Uint8Array): void {
    this.#received.push(bytes);
    this.#receivedBytes += bytes.byteLength;
    if (!this.#isPaused && this.#receivedBytes > READ_AHEAD_BYTES) {
      this.#isPaused = true;
      this.#socket.pause();
    }
    this.#wake();
  }

  /** The socket's maker: the other side writes no more. */
  hasEnded(): void {
    this.#hasEnded = true;
    if (this.#isIdle) this.#socket.destroy();
    this.#wake();
  }

  /** The socket's maker: it broke. `hasClosed` follows. */
  hasFailed(error: Error): void {
    this.#failure ??= error;
  }

  /** The socket's maker: it is gone. */
  hasClosed(): void {
    this.hasEnded();
    this.#closing.resolve();
  }

  /** Whether the other side writes no more, or the connection is gone. */
  get isEnded(): boolean {
    return this.#hasEnded || this.#failure !== undefined;
  }

  /** Nothing is expected for a while: the process may end although this is open, and an end of the other side closes it. */
  unref(): void {
    this.#isIdle = true;
    this.#socket.unref();
  }

  /** Takes `unref` back. */
  ref(): void {
    this.#isIdle = false;
    this.#socket.ref();
  }

  /** The next bytes; undefined at the end. Fails with `unavailable` if the connection broke. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#received.shift();
      if (bytes !== undefined) {
        this.#hasGiven(bytes);
        return bytes;
      }
      if (this.#failure !== undefined) throw brokenConnection(this.#failure);
      if (this.#hasEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  #hasGiven(bytes: Uint8Array): void {
    this.#receivedBytes -= bytes.byteLength;
    if (!this.#isPaused || this.#receivedBytes > READ_AHEAD_BYTES / 2) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Gives bytes back to the front of what `read` returns. */
  unread(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#received.unshift(bytes);
    this.#receivedBytes += bytes.byteLength;
  }

  /** Resolves when the kernel has taken the bytes. Fails with `unavailable` if the connection broke. */
  async write(bytes: Uint8Array | string): Promise<void> {
    try {
      await this.#socket.write(bytes);
    } catch (error) {
      throw brokenConnection(this.#failure ?? error);
    }
  }

  /** Says that nothing more will be written; reading goes on. */
  endWriting(): Promise<void> {
    return this.#socket.endWriting();
  }

  /** Closes both directions at once. A read that waits ends, or fails with `reason`. */
  close(reason?: Error): void {
    this.#failure ??= reason;
    this.#hasEnded = true;
    this.#received.length = 0;
    this.#socket.destroy();
    this.#wake();
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}

function brokenConnection(cause: unknown): GantryError {
  if (cause instanceof GantryError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new GantryError("unavailable", `the connection broke: ${message}`, { cause });
}
