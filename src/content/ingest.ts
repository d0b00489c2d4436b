import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { unlink } from "node:fs/promises";
import { diskError } from "../errors/disk-error.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm } from "../oci/digest.ts";
import { finishDigest } from "../oci/hash-digest.ts";
import { writeWhole } from "../platform/write-whole.ts";

/** What a blob must turn out to be. */
export interface ExpectedBlob {
  readonly digest?: Digest;
  readonly sizeBytes?: number;
}

/** A blob in the store. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Throws `data-loss` unless `actual` is what was expected. */
export function checkBlob(expected: ExpectedBlob, actual: StoredBlob): void {
  if (expected.sizeBytes !== undefined && expected.sizeBytes !== actual.sizeBytes) {
    const what = actual.sizeBytes < expected.sizeBytes ? "truncated" : "too long";
    throw new GantryError(
      "data-loss",
      `${expected.digest ?? "blob"} is ${what}: ${actual.sizeBytes} of ${expected.sizeBytes} bytes`,
    );
  }
  if (expected.digest !== undefined && expected.digest !== actual.digest) {
    throw new GantryError("data-loss", `wrong digest: expected ${expected.digest}, got ${actual.digest}`);
  }
}

export interface IngestParts {
  readonly file: FileHandle;
  readonly path: string;
  readonly expected: ExpectedBlob;
  /** Puts the finished, synced file in its place. */
  readonly store: (path: string, blob: StoredBlob) => Promise<void>;
}

/** A blob on its way into the store: write, then `commit` or `abort`. Disposing an unfinished one aborts it. */
export class Ingest implements AsyncDisposable {
  readonly #parts: IngestParts;
  readonly #hash: Hash;
  readonly #algorithm: DigestAlgorithm;
  #sizeBytes = 0;
  #isOpen = true;

  constructor(parts: IngestParts) {
    this.#parts = parts;
    this.#algorithm = parts.expected.digest === undefined ? "sha256" : digestAlgorithm(parts.expected.digest);
    this.#hash = createHash(this.#algorithm);
  }

  /** Adds bytes. @throws `data-loss` as soon as there are more than expected; `exhausted` if the disk is full. */
  async write(bytes: Uint8Array): Promise<void> {
    const position = this.#sizeBytes;
    this.#sizeBytes += bytes.byteLength;
    const { sizeBytes, digest } = this.#parts.expected;
    if (sizeBytes !== undefined && this.#sizeBytes > sizeBytes) {
      throw new GantryError("data-loss", `${digest ?? "blob"} is too long: more than ${sizeBytes} bytes`);
    }
    this.#hash.update(bytes);
    try {
      await writeWhole(this.#parts.file.fd, bytes, position);
    } catch (cause) {
      throw diskError("cannot write a blob", cause);
    }
  }

  /**
   * Verifies and stores the blob, durably. Idempotent in effect: the result says that it is stored, not that this call did it.
   *
   * @throws `data-loss` if it is not what was expected; then nothing is left.
   */
  async commit(): Promise<StoredBlob> {
    const blob = { digest: finishDigest(this.#hash, this.#algorithm), sizeBytes: this.#sizeBytes };
    try {
      checkBlob(this.#parts.expected, blob);
      await this.#parts.file.sync();
      await this.#parts.file.close();
      await this.#parts.store(this.#parts.path, blob);
      this.#isOpen = false;
      return blob;
    } catch (cause) {
      await this.abort();
      throw diskError(`cannot store ${blob.digest}`, cause);
    }
  }

  /** Gives up and leaves nothing. Idempotent. */
  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#parts.file.close().catch(() => undefined);
    await unlink(this.#parts.path).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }
}
