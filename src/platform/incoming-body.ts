import type { IncomingMessage } from "node:http";
import { releaseBytes } from "./release-bytes.ts";
import type { Slots } from "./slots.ts";

/** The body of a request of node:http as it comes, no faster than it is read. */
export interface IncomingBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Nobody reads the rest. */
  readonly discard: () => void;
}

/**
 * A body whose connection is held back while no chunk is asked for: half a megabyte of it is in memory then.
 *
 * @param slots how many chunks may be out of their connections at once, all bodies together. A body's first chunk needs none, so that short
 *   ones never wait for long ones.
 */
export function readByChunk(incoming: IncomingMessage, slots: Slots): IncomingBody {
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
  /** @returns undefined at the end. @throws if the connection breaks before */
  const next = async (): Promise<Uint8Array | undefined> => {
    while (!isDiscarded) {
      if (!isFirst && incoming.readableLength > 0) slot = await slots.take();
      if (isDiscarded) break;
      const chunk: Uint8Array | null = incoming.read();
      if (chunk !== null) {
        isFirst = false;
        return chunk;
      }
      giveBack();
      if (incoming.readableEnded) break;
      if (incoming.destroyed) throw new Error("the connection broke in the middle of a body");
      await change.promise;
    }
    giveBack();
    return undefined;
  };
  const discard = (): void => {
    isDiscarded = true;
    giveBack();
    incoming.on("readable", () => dropUnread(incoming));
    dropUnread(incoming);
    onChange();
  };
  // What the kernel still had of a connection that broke comes at once, megabytes of it, though nobody asks for it.
  incoming.once("close", () => {
    giveBack();
    dropUnread(incoming);
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
      cancel: discard,
    },
    { highWaterMark: 0 },
  );
  return { stream, discard };
}

function dropUnread(incoming: IncomingMessage): void {
  for (let chunk = incoming.read(); chunk !== null; chunk = incoming.read()) releaseBytes(chunk);
}
