import type { SocketStream } from "../platform/socket-stream.ts";

/** A daemon that was killed meanwhile must not be asked over the connection of before for long. */
const KEPT_MS = 1000;

/**
 * Keeps one connection between two calls: the next call saves a connect, and the daemon an accept. It does not keep the
 * process alive.
 */
export class IdleConnection {
  #kept: SocketStream | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** The connection that is kept, which is then the caller's; none if the daemon has ended it. */
  take(): SocketStream | undefined {
    if (this.#kept?.isEnded === true) this.#drop();
    const kept = this.#kept;
    this.#kept = undefined;
    clearTimeout(this.#timer);
    kept?.ref();
    return kept;
  }

  /** Keeps a connection on which nothing is under way, instead of the one that was kept. */
  keep(connection: SocketStream): void {
    this.#drop();
    this.#kept = connection;
    connection.unref();
    this.#timer = setTimeout(() => this.#drop(), KEPT_MS);
    this.#timer.unref();
  }

  #drop(): void {
    this.#kept?.close();
    this.#kept = undefined;
    clearTimeout(this.#timer);
  }
}
