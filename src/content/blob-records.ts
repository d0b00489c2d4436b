import { unlink } from "node:fs/promises";
import { diskError } from "../errors/disk-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { State } from "../state/state.ts";
import type { BlobStorage } from "./blob-storage.ts";
import { DigestLock } from "./digest-lock.ts";
import type { StoredBlob } from "./ingest.ts";

/**
 * The rows that say which blobs there are, in step with the bytes. Storing: bytes, then the row; removing: the row, committed, then the
 * bytes. Both are done under the digest's lock: whoever comes second sees what the first one left.
 */
export class BlobRecords {
  readonly #state: State;
  readonly #storage: BlobStorage;
  readonly #locks = new DigestLock();

  constructor(state: State, storage: BlobStorage) {
    this.#state = state;
    this.#storage = storage;
  }

  stat(digest: Digest): { readonly sizeBytes: number } | undefined {
    const row = this.#state.db
      .query<{ size_bytes: number }, [string]>("SELECT size_bytes FROM blobs WHERE digest = ?")
      .get(digest);
    return row === null ? undefined : { sizeBytes: row.size_bytes };
  }

  /**
   * Puts a finished, synced file in its place, and makes its blob known; one that is there already stays.
   *
   * @param also runs in the transaction that makes the blob known.
   */
  async store(path: string, blob: StoredBlob, also?: () => void): Promise<void> {
    await this.#locks.run(blob.digest, async () => {
      try {
        const isThere = this.stat(blob.digest) !== undefined && (await this.#storage.holds(blob));
        if (isThere) await unlink(path);
        else await this.#storage.take(path, blob);
      } catch (cause) {
        throw diskError(`cannot store ${blob.digest}`, cause);
      }
      await this.#record(blob, also);
    });
  }

  /** Makes a blob known whose bytes are in their place. On failure they go, unless it was known before. */
  async #record(blob: StoredBlob, also: (() => void) | undefined): Promise<void> {
    try {
      await this.#state.transactionTogether(() => {
        // Even if it was there: a collection may have dropped its row meanwhile, and leaves the bytes to whoever has a row.
        this.#state.db.run("INSERT OR IGNORE INTO blobs (digest, size_bytes, created_ms) VALUES (?, ?, ?)", [
          blob.digest,
          blob.sizeBytes,
          this.#state.now(),
        ]);
        also?.();
      });
    } catch (cause) {
      if (this.stat(blob.digest) === undefined) await this.#storage.remove(blob.digest).catch(() => undefined);
      throw cause;
    }
  }

  /** Runs `work` with what is known of a blob, while nobody else stores or removes it. */
  async runAlone<T>(digest: Digest, work: (blob: StoredBlob | undefined) => Promise<T>): Promise<T> {
    return await this.#locks.run(digest, () => {
      const known = this.stat(digest);
      return work(known === undefined ? undefined : { digest, sizeBytes: known.sizeBytes });
    });
  }

  /**
   * Removes the bytes of a blob whose row is gone, unless it was stored again. What cannot be removed now is left over: whatever compares the
   * storage with the rows removes it later.
   */
  async removeBytes(digest: Digest): Promise<void> {
    await this.runAlone(digest, async (blob) => {
      if (blob === undefined) await this.#storage.remove(digest).catch(() => undefined);
    });
  }

  /** Removes the row of a blob whose bytes are gone, unless they are there again. @throws `unavailable` */
  async removeRow(blob: StoredBlob): Promise<void> {
    await this.#locks.run(blob.digest, async () => {
      if (await this.#storage.holds(blob)) return;
      this.#state.transaction(() => this.#state.db.run("DELETE FROM blobs WHERE digest = ?", [blob.digest]));
    });
  }
}
