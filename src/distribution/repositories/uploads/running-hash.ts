import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { Digest, DigestAlgorithm } from "../../../oci/digest.ts";
import { finishDigest } from "../../../oci/hash-digest.ts";
import type { BodyPlace } from "../../../platform/http/body-receiver.ts";
import { releaseBytes } from "../../../platform/release-bytes.ts";
import { writeWhole } from "../../../platform/write-whole.ts";

/** The hash of what has been written of an upload. Chunks come one after the other. */
export interface RunningHash {
  /** True if it does not know what was written any more. */
  readonly isLost: boolean;
  /**
   * Writes a chunk and hashes it meanwhile, and takes its memory; then, if it can, what has come at `place` by then.
   *
   * @throws what the file system says; then it is lost
   */
  write(file: FileHandle, chunk: Uint8Array, position: number, place?: BodyPlace): Promise<void>;
  /** Ends it. */
  digest(): Promise<Digest>;
  /** Nobody asks for it any more. */
  drop(): void;
}

/** A hash on the thread that serves: right for what is small. */
export class OwnHash implements RunningHash {
  readonly isLost = false;
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;

  constructor(algorithm: DigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  async write(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
    const writing = writeWhole(file.fd, chunk, position);
    this.#hash.update(chunk);
    await writing;
    releaseBytes(chunk);
  }

  async digest(): Promise<Digest> {
    return finishDigest(this.#hash, this.#algorithm);
  }

  drop(): void {
    // The collector's.
  }
}
