import type { BlobBody, BlobSpan } from "../../content/blob-storage.ts";
import type { ContentStore } from "../../content/content-store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { State } from "../../state/state.ts";
import { isReferredTo } from "./holdings.ts";
import { RegistryError } from "./registry-error.ts";
import type { RepositoryName } from "./repository-name.ts";

export interface RepositoryBlobsParts {
  readonly state: State;
  readonly content: ContentStore;
  /** How long a blob that no manifest refers to is kept, counted from when its pusher was last told that it is there. */
  readonly graceMs: () => number;
}

/** Which blobs a repository holds. Bytes are stored once however many do; a blob is read only through a repository that holds it. */
export class RepositoryBlobs {
  readonly #state: State;
  readonly #content: ContentStore;
  readonly #graceMs: () => number;

  constructor(parts: RepositoryBlobsParts) {
    this.#state = parts.state;
    this.#content = parts.content;
    this.#graceMs = parts.graceMs;
  }

  /** The size of a blob that the repository holds, or undefined. */
  stat(repository: RepositoryName, digest: Digest): { readonly sizeBytes: number } | undefined {
    return this.#holds(repository, digest) ? this.#content.stat(digest) : undefined;
  }

  /** As `stat`. @throws RegistryError BLOB_UNKNOWN */
  require(repository: RepositoryName, digest: Digest): { readonly sizeBytes: number } {
    const blob = this.stat(repository, digest);
    if (blob !== undefined) return blob;
    throw new RegistryError("BLOB_UNKNOWN", `repository ${repository} has no blob ${digest}`, { detail: { digest } });
  }

  /** Bytes of a held blob, to be sent; from `start` to before `end`. @throws `data-loss`, `unavailable` */
  async body(digest: Digest, span: BlobSpan): Promise<BlobBody> {
    return await this.#content.body(digest, span);
  }

  /** Where a client is to get a held blob, if not from here. */
  async redirect(digest: Digest): Promise<string | undefined> {
    return await this.#content.redirect(digest);
  }

  /**
   * Makes a repository hold a stored blob. Idempotent; a blob that no manifest refers to is kept for the grace period from now on.
   *
   * @returns false if the store does not have it.
   */
  link(repository: RepositoryName, digest: Digest): boolean {
    return this.#state.transaction(() => {
      const blob = this.#content.stat(digest);
      if (blob === undefined) return false;
      this.#state.db.run(
        `INSERT INTO repository_blobs (repository, digest, linked_ms, size_bytes) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET linked_ms = excluded.linked_ms`,
        [repository, digest, this.#state.now(), blob.sizeBytes],
      );
      return true;
    });
  }

  /**
   * A client is being told that the repository holds the blob, and may leave its bytes out and push a manifest that needs it: the grace
   * period begins anew. Written at most twice in a period, and not at all while a manifest needs the blob: that renews it when it goes.
   */
  renew(repository: RepositoryName, digest: Digest): void {
    const nowMs = this.#state.now();
    const row = this.#state.db
      .query<{ linked_ms: number }, [string, string]>(
        "SELECT linked_ms FROM repository_blobs WHERE repository = ? AND digest = ?",
      )
      .get(repository, digest);
    if (row === null || row.linked_ms > nowMs - this.#graceMs() / 2) return;
    if (isReferredTo(this.#state.db, repository, digest)) return;
    this.#state.transaction(() =>
      this.#state.db.run("UPDATE repository_blobs SET linked_ms = ? WHERE repository = ? AND digest = ?", [
        nowMs,
        repository,
        digest,
      ]),
    );
  }

  /** The repositories that hold a blob, in the order of names. */
  holders(digest: Digest): readonly RepositoryName[] {
    return this.#state.db
      .query<{ repository: string }, [string]>(
        "SELECT repository FROM repository_blobs WHERE digest = ? ORDER BY repository",
      )
      .all(digest)
      .map((row) => row.repository as RepositoryName);
  }

  /** Ends it that a repository holds a blob. @throws RegistryError BLOB_UNKNOWN */
  unlink(repository: RepositoryName, digest: Digest): void {
    const isUnlinked = this.#state.transaction(
      () =>
        this.#state.db.query("DELETE FROM repository_blobs WHERE repository = ? AND digest = ?").run(repository, digest)
          .changes > 0,
    );
    if (isUnlinked) return;
    throw new RegistryError("BLOB_UNKNOWN", `repository ${repository} has no blob ${digest}`, { detail: { digest } });
  }

  #holds(repository: RepositoryName, digest: Digest): boolean {
    return (
      this.#state.db
        .query<{ one: number }, [string, string]>(
          "SELECT 1 AS one FROM repository_blobs WHERE repository = ? AND digest = ?",
        )
        .get(repository, digest) !== null
    );
  }
}
