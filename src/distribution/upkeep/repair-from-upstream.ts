import type { Digest } from "../../oci/digest.ts";
import type { State } from "../../state/state.ts";
import type { RepositoryName } from "../repositories/repository-name.ts";

/** What of a cache of other registries is needed here. */
export interface UpstreamCopies {
  isCopy(repository: RepositoryName): boolean;
  ensureManifest(repository: RepositoryName, named: { readonly digest: Digest }): Promise<unknown>;
  download(repository: RepositoryName, digest: Digest): Promise<{ readonly done: Promise<void> } | undefined>;
}

/** How many repositories that hold a blob are asked. */
const HOLDERS_MAX = 100;

/**
 * Has a blob that was damaged again from the registry that a repository copies, as a pull of it would.
 *
 * @param caches those that are open now
 * @throws what the other registry says
 */
export async function repairFromUpstream(
  digest: Digest,
  { state, caches }: { readonly state: State; readonly caches: Iterable<UpstreamCopies> },
): Promise<undefined> {
  const holders = (table: "repository_manifests" | "repository_blobs"): readonly RepositoryName[] =>
    state.db
      .query<{ repository: RepositoryName }, [string, number]>(
        `SELECT repository FROM ${table} WHERE digest = ? ORDER BY repository LIMIT ?`,
      )
      .all(digest, HOLDERS_MAX)
      .map(({ repository }) => repository);
  for (const cache of caches) {
    const [manifestOf] = holders("repository_manifests").filter((repository) => cache.isCopy(repository));
    if (manifestOf !== undefined) await cache.ensureManifest(manifestOf, { digest });
    const [blobOf] = holders("repository_blobs").filter((repository) => cache.isCopy(repository));
    if (blobOf !== undefined) await (await cache.download(blobOf, digest))?.done;
  }
}
