import type { IncomingMessage } from "node:http";
import { ConnectionDescriptor } from "./connection-descriptor.ts";

/** Where bytes of a body wait: at their connection. */
export interface BodyPlace {
  /** Never waited at: `recv` with MSG_DONTWAIT. */
  readonly fd: number;
  /** What follows is not the body's. */
  readonly bytesMax: number;
  /** To be set by whoever took so many, also if it failed afterwards. */
  takenBytes: number;
  /** True if the connection broke meanwhile: then node:http has read, too, and what was taken can miss something in its middle. */
  readonly isBroken: boolean;
}

/** So much at once, that others have their turn, and that whoever gives the body up is heard. */
const TURN_BYTES = 4 << 20;

/**
 * The rest of a body at its connection, for who takes it from there, past node:http: that copies each chunk twice and wakes a thread for it. It goes on
 * expecting what it has not seen, so the connection ends with the answer.
 */
export class BodyReceiver {
  readonly #incoming: IncomingMessage;
  readonly #end = Promise.withResolvers<void>();
  #leftBytes: number;
  #isWanted = false;
  #isGivenUp = false;
  #isBypassed = false;
  #isBroken = false;
  #descriptor: ConnectionDescriptor | undefined;
  #taking: Promise<unknown> | undefined;

  constructor(incoming: IncomingMessage, lengthBytes: number) {
    this.#incoming = incoming;
    this.#leftBytes = lengthBytes;
    incoming.once("close", () => {
      this.#isBroken = this.#leftBytes > 0;
      void this.#close();
    });
  }

  /** What node:http has not given yet, nor anybody taken. */
  get leftBytes(): number {
    return this.#leftBytes;
  }

  /** Resolves when nothing is left. */
  get whole(): Promise<void> {
    return this.#end.promise;
  }

  /** True once all of it was given or taken, and bytes went past node:http, which tells of no end then. */
  get isAtEnd(): boolean {
    return this.#isBypassed && this.#leftBytes === 0 && !this.#isBroken;
  }

  /** True once bytes went past node:http. */
  get isBypassed(): boolean {
    return this.#isBypassed;
  }

  /** Somebody will take from the connection: from now on it is held back after each chunk. */
  want(): void {
    this.#isWanted = true;
  }

  /**
   * To be told of each chunk, in the turn of the event loop that has read it.
   *
   * @returns what of it is the body's: of a connection that was bypassed, node:http takes the next request for a part
   */
  given(chunk: Uint8Array): Uint8Array {
    if (this.#isWanted) this.#incoming.socket.pause();
    const own = chunk.byteLength > this.#leftBytes ? chunk.subarray(0, this.#leftBytes) : chunk;
    this.#count(own.byteLength);
    return own;
  }

  /**
   * Lets somebody take what has come meanwhile. Only while nobody waits for a chunk.
   *
   * @param receive gets no place if there is none: then node:http has more, no descriptor was found, or the body is given up
   */
  async take(receive: (place?: BodyPlace) => Promise<void>): Promise<void> {
    const place = this.#place();
    const taking = receive(place);
    this.#taking = taking.catch(() => undefined);
    try {
      await taking;
    } catch (error) {
      // Who failed may have taken more than it could say: what node:http sees next could be a part of anything.
      this.#isBypassed ||= place !== undefined;
      throw error;
    } finally {
      const { takenBytes = 0 } = place ?? {};
      this.#isBypassed ||= takenBytes > 0;
      this.#count(takenBytes);
    }
  }

  /** From now on nobody is let take. Resolves when nobody does: what is read by then would be missing in the middle of what they take. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true;
    await this.#taking;
  }

  #place(): BodyPlace | undefined {
    if (this.#isGivenUp) return undefined;
    const { readableLength, readableEnded, destroyed, socket } = this.#incoming;
    if (this.#leftBytes === 0 || readableLength > 0 || readableEnded || destroyed) return undefined;
    this.#descriptor ??= ConnectionDescriptor.find(socket);
    if (this.#descriptor === undefined) return undefined;
    const isBroken = (): boolean => this.#isBroken;
    return {
      fd: this.#descriptor.fd,
      bytesMax: Math.min(this.#leftBytes, TURN_BYTES),
      takenBytes: 0,
      get isBroken() {
        return isBroken();
      },
    };
  }

  #count(bytes: number): void {
    this.#leftBytes -= bytes;
    if (this.#leftBytes > 0) return;
    this.#end.resolve();
    // node:http, which waits for what it has not seen, tells of no end.
    void this.#close();
  }

  /** The descriptor is somebody else's next, so not before it is out of use. */
  async #close(): Promise<void> {
    await this.#taking;
    this.#descriptor?.[Symbol.dispose]();
    this.#descriptor = undefined;
  }
}

const receivers = new WeakMap<ReadableStream, BodyReceiver>();

/** Says how the rest of a body can be had from its connection. */
export function setReceiver(body: ReadableStream, receiver: BodyReceiver): void {
  receivers.set(body, receiver);
}

/** How to have a body from its connection: to be asked before its first chunk. Undefined if there is no such way. */
export function receiverOf(body: ReadableStream): BodyReceiver | undefined {
  const receiver = receivers.get(body);
  receiver?.want();
  return receiver;
}
