import type { IncomingMessage } from "node:http";
import { releaseBytes } from "../release-bytes.ts";
import type { Slots } from "../slots.ts";
import { BodyEnd } from "./body-end.ts";
import { BodyReceiver, setReceiver } from "./body-receiver.ts";

/** The body of a request of node:http as it comes, no faster than it is read. */
export interface IncomingBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Resolves when all of it has come; never, if that does not happen. */
  readonly whole: Promise<unknown>;
  /** True once all of it has come and was read, or if there is none. */
  readonly isWhole: boolean;
  /** True if bytes of it went past node:http, which goes on waiting for them: the connection is of no use for another request. */
  readonly isBypassed: boolean;
  /** Nobody reads the rest. Resolves when it has come, or never will. @param onDropped told how many bytes of it came; replaces the one before */
  readonly discard: (onDropped?: (bytes: number) => void) => Promise<void>;
}

/** Bodies from this size on can be had from the connection itself: for less it costs more to find the descriptor. */
export const BYPASS_BYTES = 1 << 20;

export interface ReadOptions {
  /**
   * How many chunks may be out of their connections at once, all bodies together. A body's first chunk needs none, so that short ones never
   * wait for long ones.
   */
  readonly slots: Slots;
  /** The bytes at the connection are not those of the body. */
  readonly isEncrypted: boolean;
}

/** @returns undefined for a body that is short, or whose bytes are not at the connection as they are */
function receiverFor(incoming: IncomingMessage, isEncrypted: boolean): BodyReceiver | undefined {
  const { "content-length": length = "", "transfer-encoding": coding } = incoming.headers;
  const isLong = coding === undefined && /^\d+$/.test(length) && Number(length) >= BYPASS_BYTES;
  return isLong && !isEncrypted ? new BodyReceiver(incoming, Number(length)) : undefined;
}

/** A body whose connection is held back while no chunk is asked for: half a megabyte of it is in memory then. */
export function readByChunk(incoming: IncomingMessage, { slots, isEncrypted }: ReadOptions): IncomingBody {
  const receiver = receiverFor(incoming, isEncrypted);
  const end = new BodyEnd(incoming);
  let isDiscarded = false;
  let isFirst = true;
  let slot: Disposable | undefined;
  let change = Promise.withResolvers<void>();
  const onChange = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };
  for (const event of ["readable", "end", "close", "error"]) incoming.on(event, onChange);
  const giveBack = (): void => {
    slot?.[Symbol.dispose]();
    slot = undefined;
  };
  const read = (): Uint8Array | null => {
    const chunk: Uint8Array | null = incoming.read();
    return chunk === null || receiver === undefined ? chunk : receiver.given(chunk);
  };
  const isAtEnd = (): boolean => incoming.readableEnded || receiver?.isAtEnd === true;
  /** @returns undefined at the end. @throws if the connection breaks before */
  const next = async (): Promise<Uint8Array | undefined> => {
    while (!isDiscarded && !isAtEnd()) {
      if (!isFirst && incoming.readableLength > 0) slot = await slots.take();
      if (isDiscarded) break;
      const chunk = read();
      if (chunk !== null) {
        isFirst = false;
        return chunk;
      }
      giveBack();
      if (isAtEnd()) break;
      if (incoming.destroyed) throw new Error("the connection broke in the middle of a body");
      incoming.socket.resume();
      await change.promise;
    }
    giveBack();
    return undefined;
  };
  const dropUnread = (): void => {
    for (let chunk = read(); chunk !== null; chunk = read()) {
      end.dropped(chunk.byteLength);
      releaseBytes(chunk);
    }
  };
  const whole = receiver === undefined ? end.ended : Promise.race([receiver.whole, end.ended]);
  const begin = async (): Promise<void> => {
    isDiscarded = true;
    giveBack();
    onChange();
    await receiver?.giveUp();
    incoming.on("readable", () => {
      dropUnread();
      incoming.socket.resume();
    });
    dropUnread();
    incoming.socket.resume();
  };
  const discard: IncomingBody["discard"] = (onDropped) => end.discard({ begin, whole }, onDropped);
  // What the kernel still had of a connection that broke comes at once, megabytes of it, though nobody asks for it.
  incoming.once("close", () => {
    giveBack();
    dropUnread();
  });
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        giveBack();
        const chunk = await next();
        if (isDiscarded) return;
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      // Not awaited: a client that stands still would hold whoever does not want its body.
      cancel: () => void discard(),
    },
    { highWaterMark: 0 },
  );
  if (receiver !== undefined) setReceiver(stream, receiver);
  return {
    stream,
    whole,
    get isWhole() {
      return end.isEnded || receiver?.leftBytes === 0;
    },
    get isBypassed() {
      return receiver?.isBypassed ?? false;
    },
    discard,
  };
}
