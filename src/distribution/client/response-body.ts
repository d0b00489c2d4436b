import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { cancelledError } from "./http-exchange.ts";

export interface ReadBodyOptions {
  /** What is read, for error messages: `layer sha256:… from registry.lan`. */
  readonly what: string;
  /** How long the other side may send nothing while we wait for it. */
  readonly stallTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * How a body ended early: the other side was silent, or the connection broke. Both may be resumed.
 * A body without an announced length that is cut cleanly looks whole here: who knows the length checks it.
 */
export type BodyFailure = "stalled" | "broken";

/** Thrown when a body ends early, and worth another try. */
export class BodyError extends GantryError {
  readonly failure: BodyFailure;

  constructor(failure: BodyFailure, message: string, cause?: unknown) {
    super("unavailable", message, { cause });
    this.failure = failure;
  }
}

async function readWithin<T>(read: Promise<T>, options: ReadBodyOptions): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const seconds = options.stallTimeoutMs / 1000;
  const timer = setTimeout(
    () => reject(new BodyError("stalled", `${options.what} stalled: no byte for ${seconds} s`)),
    options.stallTimeoutMs,
  );
  const { signal } = options;
  const abort = (): void => {
    if (signal !== undefined) reject(cancelledError(`download of ${options.what}`, signal));
  };
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await Promise.race([read, promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * The bytes of an answer as they arrive; nothing is read ahead of the consumer. The connection is closed when the consumer
 * stops early.
 *
 * @throws `BodyError` when the other side falls silent or the connection breaks, `cancelled` when `signal` fires.
 */
export async function* readBody(response: Response, options: ReadBodyOptions): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await readWithin(reader.read(), options);
      if (done) return;
      yield value;
    }
  } catch (cause) {
    if (isGantryError(cause)) throw cause;
    if (options.signal?.aborted) throw cancelledError(`download of ${options.what}`, options.signal);
    throw new BodyError("broken", `the connection broke while receiving ${options.what}`, cause);
  } finally {
    // Also ends the connection when the consumer, or a time-out, ended the reading.
    reader.cancel().catch(() => undefined);
  }
}

/**
 * Reads a whole answer into memory.
 *
 * @throws `data-loss` if it has more than `maxBytes` bytes; else as `readBody`.
 */
export async function readBodyWithin(
  response: Response,
  maxBytes: number,
  options: ReadBodyOptions,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of readBody(response, options)) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw new GantryError("data-loss", `${options.what} is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, sizeBytes);
}
