import { streamOf } from "../stream-of.ts";

/**
 * Bytes that are made while they are sent, as the body of a response. If that fails the connection ends, so that no client takes what it has
 * for the whole; the reason is told to `onFailure` alone, since Bun would print its stack.
 */
export function madeBody(
  chunks: AsyncGenerator<Uint8Array, unknown, undefined>,
  onFailure: (failure: unknown) => void,
): ReadableStream<Uint8Array> {
  return streamOf(chunks, (failure) => {
    onFailure(failure);
    return undefined;
  });
}
