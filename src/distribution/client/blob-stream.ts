import { setTimeout as sleep } from "node:timers/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import { cancelledError } from "./http-exchange.ts";
import { BodyError, readBody } from "./response-body.ts";

/** Opens a blob at an offset; the answer may begin there (206) or, ignoring the wish, at the start (200). */
export type BlobSource = (offset: number) => Promise<Response>;

export interface StreamBlobOptions {
  /** The blob, for error messages. */
  readonly what: string;
  readonly sizeBytes: number;
  readonly offset: number;
  readonly stallTimeoutMs: number;
  /** The wait before the next try after so many failed ones; undefined to give up. */
  readonly delayMs: (attempt: number) => number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: (delayMs: number) => void;
}

/** So many bytes since the last break make it worth all retries again; less is a server that drips. */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * The bytes of a blob from `offset` to its end, resumed by Range where the connection breaks or falls silent. The first answer
 * is awaited here, so that "not found" comes before the stream.
 */
export async function streamBlob(source: BlobSource, options: StreamBlobOptions): Promise<AsyncIterable<Uint8Array>> {
  if (options.offset >= options.sizeBytes) return (async function* () {})();
  return resume(await source(options.offset), source, options);
}

async function* resume(first: Response, source: BlobSource, options: StreamBlobOptions): AsyncGenerator<Uint8Array> {
  const { sizeBytes, what } = options;
  let response = first;
  let position = options.offset;
  let failures = 0;
  let stalls = 0;
  let positionAtFailure = position;
  for (;;) {
    try {
      for await (const chunk of readFrom(response, position, options)) {
        position += chunk.byteLength;
        if (position > sizeBytes) {
          throw new GantryError("data-loss", `${what} is longer than the ${sizeBytes} bytes that its manifest says`);
        }
        yield chunk;
      }
      if (position === sizeBytes) return;
      throw new BodyError("broken", `${what} ended after ${position} of ${sizeBytes} bytes`);
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      if (position - positionAtFailure >= PROGRESS_BYTES) failures = 0;
      positionAtFailure = position;
      if (error.failure === "stalled") stalls++;
      const delayMs = options.delayMs(failures++);
      // A dead connection is worth one new one; a server that is silent twice has nothing to say.
      if (delayMs === undefined || stalls > 1) throw giveUp(error, position, options);
      options.onRetry?.(delayMs);
      await sleep(delayMs, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(
        (reason) => {
          throw options.signal?.aborted ? cancelledError(`download of ${what}`, options.signal) : reason;
        },
      );
      response = await source(position);
    }
  }
}

function giveUp(error: BodyError, position: number, options: StreamBlobOptions): GantryError {
  if (error.failure === "stalled") return error;
  const message = `${options.what} ended after ${position} of ${options.sizeBytes} bytes`;
  return new GantryError("data-loss", `${message}, again after trying to resume`, { cause: error.cause });
}

/** The answer's bytes from `position` on: what a server that knows no Range sends again is skipped. */
async function* readFrom(response: Response, position: number, options: StreamBlobOptions): AsyncGenerator<Uint8Array> {
  let skip = response.status === 206 ? 0 : position;
  if (response.status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
    if (range === null || Number(range[1]) !== position) {
      await response.body?.cancel();
      throw new GantryError("data-loss", `${options.what} was resumed at a place that was not asked for`);
    }
  }
  for await (const chunk of readBody(response, options)) {
    if (skip >= chunk.byteLength) {
      skip -= chunk.byteLength;
      continue;
    }
    yield skip === 0 ? chunk : chunk.subarray(skip);
    skip = 0;
  }
}
