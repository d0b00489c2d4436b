import type { S3Connection } from "./s3-connection.ts";
import { S3Error } from "./s3-error.ts";

export interface ByteSpan {
  readonly start: number;
  /** Exclusive; more than `start`. */
  readonly end: number;
}

/** How often a broken answer is gone on with; each one that brought something counts anew. */
const FRUITLESS_MAX = 3;

/**
 * Bytes of an object, as they arrive: nothing is read ahead of the consumer. An answer that breaks or falls silent is gone on with where
 * it stood.
 *
 * @throws S3Error: its status is 404 if there is no such object
 */
export async function* readObject(
  connection: S3Connection,
  key: string,
  span: ByteSpan,
): AsyncGenerator<Uint8Array, undefined> {
  const doing = `cannot read ${key}`;
  let place = span.start;
  for (let fruitless = 0; place < span.end; ) {
    const began = place;
    const range = `bytes=${place}-${span.end - 1}`;
    const response = await connection.send({ method: "GET", key, headers: { range }, doing }, (answer) => answer);
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    try {
      requireSpan(connection, response, { doing, place, end: span.end });
      // To its end, so that the connection can be used again.
      for (;;) {
        const { done, value } = await within(connection.responseTimeoutMs, reader.read());
        if (done && place < span.end) throw new Error("the answer ended early");
        if (done || place === span.end) break;
        const chunk = value.subarray(0, span.end - place);
        place += chunk.byteLength;
        yield chunk;
      }
    } catch (cause) {
      if (cause instanceof S3Error && !cause.isTransient) throw cause;
      fruitless = place === began ? fruitless + 1 : 0;
      if (fruitless > FRUITLESS_MAX) throw new S3Error({ doing, bucket: connection.bucket, status: 0, cause });
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }
}

/** A server that does not know ranges answers with everything: right if that is what was wanted. */
function requireSpan(
  { bucket }: S3Connection,
  response: Response,
  asked: { readonly doing: string; readonly place: number; readonly end: number },
): void {
  if (response.status === 206 || asked.place === 0) return;
  throw new S3Error({ doing: asked.doing, bucket, status: 416, message: "it ignores ranges" });
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no byte for ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
