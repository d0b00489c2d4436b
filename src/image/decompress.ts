import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { GantryError } from "../errors/gantry-error.ts";

export type Compression = "gzip" | "zstd" | "none";

export interface DecompressLimits {
  /** Of what comes out. */
  readonly sizeBytesMax: number;
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
}

const MAGIC_BYTES = 4;
const OUTPUT_BYTES = 1 << 20;

/** How a stream is compressed, by its first four bytes (RFC 1952, RFC 8878; skippable zstd frames come first in some). */
export function detectCompression(head: Uint8Array): Compression {
  const [a = 0, b = 0, c = 0, d = 0] = head;
  if (a === 0x1f && b === 0x8b) return "gzip";
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  if ((a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return "zstd";
  return "none";
}

/** The bytes of a stream, gzip and zstd unpacked; what it is, its first bytes say, whatever its media type was. */
export async function* decompress(
  stream: AsyncIterable<Uint8Array>,
  limits: DecompressLimits,
): AsyncGenerator<Uint8Array, void> {
  const source = stream[Symbol.asyncIterator]();
  try {
    const head: Uint8Array[] = [];
    let headBytes = 0;
    let isDone = false;
    while (headBytes < MAGIC_BYTES && !isDone) {
      const next = await source.next();
      isDone = next.done === true;
      if (next.done === true) break;
      head.push(next.value);
      headBytes += next.value.length;
    }
    const compression = detectCompression(Buffer.concat(head.map((chunk) => chunk.subarray(0, MAGIC_BYTES))));
    const whole = chain(head, isDone ? undefined : source);
    yield* bounded(
      compression === "none" ? { output: whole, inputBytes: () => undefined } : unpack(whole, compression),
      limits,
    );
  } finally {
    await source.return?.();
  }
}

async function* chain(
  head: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array, void> {
  yield* head;
  if (rest === undefined) return;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

interface Unpacked {
  readonly output: AsyncIterable<Uint8Array>;
  readonly inputBytes: () => number | undefined;
}

function unpack(input: AsyncIterable<Uint8Array>, compression: "gzip" | "zstd"): Unpacked {
  let inputBytes = 0;
  const transform: Transform =
    compression === "gzip"
      ? createGunzip({ chunkSize: OUTPUT_BYTES })
      : createZstdDecompress({ chunkSize: OUTPUT_BYTES });
  let failure: unknown;
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of input) {
        inputBytes += chunk.length;
        if (transform.destroyed) return;
        if (!transform.write(chunk)) await drained(transform);
      }
      transform.end();
    } catch (cause) {
      failure = cause;
      transform.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    }
  };
  async function* read(): AsyncGenerator<Uint8Array, void> {
    const fed = feed();
    try {
      for await (const chunk of transform) yield chunk as Uint8Array;
      await fed;
    } catch (cause) {
      if (failure !== undefined) throw failure;
      throw new GantryError("data-loss", `the layer's ${compression} data is damaged or truncated`, { cause });
    } finally {
      transform.destroy();
    }
    if (failure !== undefined) throw failure;
  }
  return { output: read(), inputBytes: () => inputBytes };
}

function drained(transform: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ["drain", "close", "error"]) transform.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "error"]) transform.on(event, done);
  });
}

async function* bounded(unpacked: Unpacked, limits: DecompressLimits): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const chunk of unpacked.output) {
    total += chunk.length;
    if (total > limits.sizeBytesMax) {
      throw new GantryError("exhausted", `refused the layer: it unpacks to more than ${limits.sizeBytesMax} bytes`);
    }
    const input = unpacked.inputBytes();
    if (input !== undefined && total > limits.ratioFreeBytes && total > input * limits.ratioMax) {
      throw new GantryError(
        "exhausted",
        `refused the layer: it unpacks to more than ${limits.ratioMax} times its size`,
        {
          hint: "it looks like a decompression bomb",
        },
      );
    }
    yield chunk;
  }
}
