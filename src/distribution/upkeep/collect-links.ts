import type { Digest } from "../../oci/digest.ts";
import { shortSteps } from "../../state/short-steps.ts";
import type { State } from "../../state/state.ts";
import { isReferredTo } from "../repositories/holdings.ts";
import type { RepositoryName } from "../repositories/repository-name.ts";

/** That a repository holds a blob. */
export interface BlobLink {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** When somebody was last told that it is there. */
  readonly linkedMs: number;
}

export interface CollectLinksOptions {
  /** Only those that nobody was told of since. */
  readonly beforeMs: number;
  /** Find them and leave them. @default false */
  readonly isDryRun?: boolean;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * Ends it that repositories hold blobs which none of their manifests refers to, once the grace period is over: uploads whose manifest
 * never came, and what removed manifests referred to. In short steps, each exact in its transaction.
 *
 * @returns what went, step by step
 */
export function collectLinks(state: State, options: CollectLinksOptions): AsyncGenerator<readonly BlobLink[]> {
  const { beforeMs, isDryRun = false } = options;
  const page = state.db.query<BlobLink, [string, string, number]>(
    `SELECT repository, digest, size_bytes AS sizeBytes, linked_ms AS linkedMs FROM repository_blobs
     WHERE (repository, digest) > (?, ?) ORDER BY repository, digest LIMIT ?`,
  );
  const remove = state.db.query("DELETE FROM repository_blobs WHERE repository = ? AND digest = ?");
  return shortSteps<BlobLink>(state, {
    ...options,
    page: (last, limit) => page.all(last?.repository ?? "", last?.digest ?? "", limit),
    take({ repository, digest, linkedMs }) {
      if (linkedMs >= beforeMs || isReferredTo(state.db, repository, digest)) return false;
      if (!isDryRun) remove.run(repository, digest);
      return true;
    },
  });
}
