import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync } from "node:fs";
import { diskError } from "../../errors/disk-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { finishDigest } from "../../oci/hash-digest.ts";
import { writeWholeSync } from "../../platform/write-whole.ts";
import { decompress } from "../decompress.ts";
import { applyLayer } from "./apply-layer.ts";
import type { ReceivedLayer, ReceiveTask } from "./worker-protocol.ts";

const READ_BYTES = 1 << 20;

/** Pieces of a file. */
export async function* readFilePieces(path: string): AsyncGenerator<Uint8Array, void> {
  const fd = openSync(path, "r");
  try {
    for (;;) {
      // A piece may still be on its way through the decompressor when the next one is read.
      const piece = new Uint8Array(READ_BYTES);
      const length = readSync(fd, piece, 0, READ_BYTES, null);
      if (length === 0) return;
      yield piece.subarray(0, length);
    }
  } finally {
    closeSync(fd);
  }
}

/** What becomes of a layer's bytes on their way. */
export interface ReceiveHooks {
  /** Takes how many bytes have come so far. */
  readonly onProgress: (bytes: number) => void;
  /** Takes the decompressed bytes, for a task that hands them on. */
  readonly handOn: (bytes: Uint8Array) => Promise<void>;
}

/** One pass over a layer as it is stored: hash, keep, decompress, hash, unpack. Whatever is asked for, all bytes are read. */
export async function receiveLayer(
  task: ReceiveTask,
  source: AsyncIterable<Uint8Array>,
  { onProgress, handOn }: ReceiveHooks,
): Promise<ReceivedLayer> {
  const hash = createHash(task.blobAlgorithm);
  const kept = task.blobPath === undefined ? undefined : openSync(task.blobPath, "wx", 0o600);
  let sizeBytes = 0;
  async function* packed(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of source) {
      sizeBytes += chunk.length;
      if (task.blobBytesMax !== undefined && sizeBytes > task.blobBytesMax) {
        throw new GantryError("data-loss", `the layer is too long: more than ${task.blobBytesMax} bytes came`);
      }
      hash.update(chunk);
      if (kept !== undefined) keep(kept, chunk);
      onProgress(sizeBytes);
      yield chunk;
    }
  }
  try {
    const bytes = packed();
    const { directory, limits } = task;
    if (task.handsOn === true) for await (const piece of decompress(bytes, limits)) await handOn(piece);
    const applied =
      directory === undefined ? undefined : await applyLayer(decompress(bytes, limits), directory, { limits });
    for await (const _rest of bytes);
    if (kept !== undefined) syncKept(kept);
    const digest = finishDigest(hash, task.blobAlgorithm);
    return { digest, sizeBytes, ...(applied === undefined ? {} : { applied }) };
  } finally {
    if (kept !== undefined) closeSync(kept);
  }
}

function keep(fd: number, chunk: Uint8Array): void {
  try {
    writeWholeSync(fd, chunk);
  } catch (cause) {
    throw diskError("cannot keep the layer's bytes", cause);
  }
}

function syncKept(fd: number): void {
  try {
    fsyncSync(fd);
  } catch (cause) {
    throw diskError("cannot keep the layer's bytes", cause);
  }
}
