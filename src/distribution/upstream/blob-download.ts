import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { StoredBlob } from "../../content/ingest.ts";
import { diskError } from "../../errors/disk-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { digestAlgorithm } from "../../oci/digest.ts";
import { finishDigest } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { writeWhole } from "../../platform/write-whole.ts";

export interface BlobDownloadOptions {
  readonly descriptor: Descriptor;
  /** Where the bytes are gathered; the file is made. */
  readonly path: string;
  /** A part of what `store` has taken. */
  readonly readStored: (start: number, end: number) => Promise<AsyncIterable<Uint8Array>>;
  readonly source: AsyncIterable<Uint8Array>;
  /** Takes the verified, synced file. */
  readonly store: (blob: StoredBlob) => Promise<void>;
}

const READ_BYTES = 256 * 1024;

/**
 * A blob that is on its way into the store, and may be read meanwhile by any number of readers. It goes on to its end whoever leaves. The last
 * byte is given only when all of them are verified: a reader of damaged content does not come to its end.
 */
export class BlobDownload {
  readonly sizeBytes: number;
  /** Ends when the blob is stored; fails if it cannot be. */
  readonly done: Promise<void>;
  readonly #path: string;
  readonly #readStored: BlobDownloadOptions["readStored"];
  #offsetBytes = 0;
  #isVerified = false;
  #failure: unknown;
  #progress = Promise.withResolvers<void>();

  private constructor(options: BlobDownloadOptions, file: FileHandle) {
    this.sizeBytes = options.descriptor.size;
    this.#path = options.path;
    this.#readStored = options.readStored;
    this.done = this.#run(options, file);
    this.done.catch(() => undefined);
  }

  /** Begins. @throws `exhausted` if the disk is full */
  static async begin(options: BlobDownloadOptions): Promise<BlobDownload> {
    try {
      return new BlobDownload(options, await open(options.path, "wx", 0o600));
    } catch (cause) {
      throw diskError("cannot begin to store a blob", cause);
    }
  }

  async #run({ descriptor, source, store }: BlobDownloadOptions, file: FileHandle): Promise<void> {
    try {
      try {
        await this.#receive(descriptor, source, file);
        await file.sync();
      } finally {
        await file.close();
      }
      await store({ digest: descriptor.digest, sizeBytes: descriptor.size });
      this.#isVerified = true;
    } catch (cause) {
      this.#failure = cause;
      throw cause;
    } finally {
      this.#progress.resolve();
    }
  }

  async #receive(descriptor: Descriptor, source: AsyncIterable<Uint8Array>, file: FileHandle): Promise<void> {
    const { digest, size } = descriptor;
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    for await (const chunk of source) {
      if (this.#offsetBytes + chunk.byteLength > size) throw new GantryError("data-loss", `${digest} is too long`);
      hash.update(chunk);
      await writeWhole(file.fd, chunk, this.#offsetBytes).catch(failWriting);
      this.#offsetBytes += chunk.byteLength;
      const { resolve } = this.#progress;
      this.#progress = Promise.withResolvers();
      resolve();
    }
    const actual = finishDigest(hash, algorithm);
    if (actual !== digest) throw new GantryError("data-loss", `wrong digest: expected ${digest}, got ${actual}`);
  }

  /** The bytes from `start` to `end` (exclusive) as they come. */
  async *read(start = 0, end = this.sizeBytes): AsyncGenerator<Uint8Array, void, undefined> {
    const file = await open(this.#path, "r").catch(() => undefined);
    if (file === undefined) {
      // A small blob may be stored, or have failed, before its reader begins.
      await this.done;
      if (start < end) yield* await this.#readStored(start, end);
      return;
    }
    try {
      for (let place = start; place < end; ) {
        const progress = this.#progress.promise;
        // The last byte waits for the digest.
        const known = this.#isVerified ? this.sizeBytes : Math.min(this.#offsetBytes, this.sizeBytes - 1);
        if (this.#failure !== undefined) throw this.#failure;
        if (known <= place) {
          await progress;
          continue;
        }
        const length = Math.min(READ_BYTES, known - place, end - place);
        const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, place);
        place += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
}

function failWriting(cause: unknown): never {
  throw diskError("cannot store a blob", cause);
}
