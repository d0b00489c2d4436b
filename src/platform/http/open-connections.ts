import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

/** The connections of a server, and on which of them nothing is asked: those can be ended. */
export class OpenConnections {
  /** A connection on which its client has to act, and does not, is ended after so long. */
  readonly idleMs: number;
  /** The one that has been idle longest comes first. */
  readonly #idle = new Set<Socket>();
  readonly #busy = new Set<Socket>();
  /** Those that were ended, and whose clients have not taken all of their answers. */
  readonly #leaving = new Set<Socket>();
  /** Once the server ends: resolves when none is open. */
  #ended: PromiseWithResolvers<void> | undefined;

  constructor(idleMs: number) {
    this.idleMs = idleMs;
  }

  /** How many are there on which something is asked. */
  get busyCount(): number {
    return this.#busy.size;
  }

  /** To be told of each as early as possible: who never begins a handshake must not keep the server from closing. */
  add(socket: Socket): void {
    socket.setTimeout(this.idleMs, () => socket.destroy());
    socket.once("close", () => {
      this.#idle.delete(socket);
      this.#busy.delete(socket);
      this.#leaving.delete(socket);
      this.#tellEnd();
    });
    this.rest(socket);
  }

  /** Something is asked on it. */
  engage(socket: Socket): void {
    if (socket.destroyed) return;
    this.#idle.delete(socket);
    this.#busy.add(socket);
  }

  /** All is answered that was asked on it; but what was answered last may still be on its way, so that it is not ended before that is sent. */
  rest(socket: Socket): void {
    if (socket.destroyed) return;
    this.#busy.delete(socket);
    this.#idle.add(socket);
    if (this.#ended !== undefined) socket.destroySoon();
  }

  /**
   * Ends the half of the idle ones that have been so longest: who has just come may be in the middle of a handshake. Their descriptors are
   * free in the next turn of the event loop, but for those whose clients have yet to read an answer.
   *
   * @returns false if there are none
   */
  endOlderHalf(): boolean {
    const older = [...this.#idle].slice(0, Math.ceil(this.#idle.size / 2));
    for (const socket of older) {
      this.#idle.delete(socket);
      this.#leaving.add(socket);
      socket.destroySoon();
    }
    return older.length > 0;
  }

  /** Ends those of some that are idle. */
  endIdle(among: Iterable<Socket>): void {
    for (const socket of among) if (this.#idle.has(socket)) socket.destroySoon();
  }

  /** Ends idle ones at once, and also who comes later; others when they are answered, or have not been for so long. */
  async end(lastAnswersMs: number): Promise<void> {
    this.#ended = Promise.withResolvers();
    for (const socket of this.#idle) socket.destroySoon();
    this.#tellEnd();
    await Promise.race([this.#ended.promise, setTimeout(lastAnswersMs, undefined, { ref: false })]);
    for (const socket of [...this.#idle, ...this.#busy, ...this.#leaving]) socket.destroy();
  }

  #tellEnd(): void {
    if (this.#idle.size + this.#busy.size + this.#leaving.size === 0) this.#ended?.resolve();
  }
}
