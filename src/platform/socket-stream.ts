import type { Socket } from "node:net";
import { GantryError } from "../errors/gantry-error.ts";

/**
 * A connected stream socket that is read by pulling: nothing is read from the kernel before it is asked for, so that
 * a slow reader slows the sender down. Takes the socket over.
 */
export class SocketStream {
  readonly #socket: Socket;
  readonly #received: Uint8Array[] = [];
  #hasEnded = false;
  #failure: Error | undefined;
  #wakeReader: (() => void) | undefined;
  /** Resolves when the connection is gone, whichever way. Never rejects. */
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#received.push(bytes);
      socket.pause();
      this.#wake();
    });
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#wake();
    });
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.#hasEnded = true;
        this.#wake();
        resolve();
      };
      if (socket.destroyed) close();
      else socket.once("close", close);
    });
    socket.pause();
  }

  /** The next bytes; undefined at the end. Fails with `unavailable` if the connection broke. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#received.shift();
      if (bytes !== undefined) return bytes;
      if (this.#failure !== undefined) throw brokenConnection(this.#failure);
      if (this.#hasEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
        this.#socket.resume();
      });
    }
  }

  /** Gives bytes back to the front of what `read` returns. */
  unread(bytes: Uint8Array): void {
    if (bytes.byteLength > 0) this.#received.unshift(bytes);
  }

  /** Resolves when the kernel has taken the bytes. */
  write(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(brokenConnection(this.#failure ?? error));
      const close = (): void => fail(new Error("it was closed"));
      if (this.#socket.destroyed) {
        close();
        return;
      }
      this.#socket.once("close", close);
      this.#socket.write(bytes, (error) => {
        this.#socket.removeListener("close", close);
        if (error === undefined || error === null) resolve();
        else fail(error);
      });
    });
  }

  /** Says that nothing more will be written; reading goes on. */
  endWriting(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed || this.#socket.writableEnded) {
        resolve();
        return;
      }
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => resolve());
    });
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

function brokenConnection(cause: Error): GantryError {
  if (cause instanceof GantryError) return cause;
  return new GantryError("unavailable", `the connection broke: ${cause.message}`, { cause });
}
