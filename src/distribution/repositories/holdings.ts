import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../../platform/sqlite.ts";
import type { State } from "../../state/state.ts";
import type { RepositoryName, Tag } from "./repository-name.ts";

/** True if a manifest of the repository refers to the digest: a config, a layer, an entry of an index. */
export function isReferredTo(db: Database, repository: RepositoryName, digest: Digest): boolean {
  return (
    db
      .query<{ one: number }, [string, string]>(
        `SELECT 1 AS one FROM blob_edges AS edge CROSS JOIN repository_manifests AS manifest
         WHERE edge.child = ? AND manifest.repository = ? AND manifest.digest = edge.parent LIMIT 1`,
      )
      .get(digest, repository) !== null
  );
}

/** Takes a tag away; from now on its manifest counts as untagged. Within a transaction. @returns false if there was none */
export function removeTag(state: State, repository: RepositoryName, tag: Tag): boolean {
  releaseTagged(state, { repository, tag });
  return (
    state.db.query("DELETE FROM repository_tags WHERE repository = ? AND tag = ?").run(repository, tag).changes > 0
  );
}

/** Notes that a tag leaves its manifest, unless it stays at `unless`. Within the transaction that moves it. */
export function releaseTagged(
  state: State,
  from: { readonly repository: RepositoryName; readonly tag: Tag; readonly unless?: Digest },
): void {
  state.db.run(
    `UPDATE repository_manifests SET released_ms = ? WHERE repository = ? AND digest =
       (SELECT digest FROM repository_tags WHERE repository = ? AND tag = ? AND digest <> ?)`,
    [state.now(), from.repository, from.repository, from.tag, from.unless ?? ""],
  );
}

/**
 * Removes a manifest from a repository, with every tag that points to it. What it referred to has its grace period from now on: who was
 * told before that it is there may be about to push another manifest. Within a transaction.
 *
 * @returns false if the repository did not hold it
 */
export function removeManifest(state: State, repository: RepositoryName, digest: Digest): boolean {
  const { db } = state;
  const removed = db.query("DELETE FROM repository_manifests WHERE repository = ? AND digest = ?");
  if (removed.run(repository, digest).changes === 0) return false;
  // Without being told, SQLite goes through the whole repository: it holds the beginning of the primary key for as good.
  db.run("DELETE FROM repository_tags INDEXED BY repository_tags_by_digest WHERE repository = ? AND digest = ?", [
    repository,
    digest,
  ]);
  const children = "SELECT child FROM blob_edges WHERE parent = ?";
  const values = [state.now(), repository, digest] as const;
  db.run(`UPDATE repository_blobs SET linked_ms = ? WHERE repository = ? AND digest IN (${children})`, [...values]);
  db.run(`UPDATE repository_manifests SET released_ms = ? WHERE repository = ? AND digest IN (${children})`, [
    ...values,
  ]);
  db.run(
    `UPDATE repository_manifests INDEXED BY repository_manifests_by_subject SET released_ms = ?
     WHERE repository = ? AND subject = ?`,
    [...values],
  );
  return true;
}
