import type { ContentStore } from "../../content/content-store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { State } from "../../state/state.ts";

/** A popular blob is in thousands of repositories: so many are named. */
const NAMED_MAX = 100;

/** Whom a blob matters to: repositories that hold it, and images. */
export function neededBy(
  { state, content }: { readonly state: State; readonly content: ContentStore },
  digest: Digest,
): readonly string[] {
  const repositories = state.db
    .query<{ repository: string }, [string, string, number]>(
      `SELECT repository FROM repository_blobs WHERE digest = ?
       UNION SELECT repository FROM repository_manifests WHERE digest = ? ORDER BY repository LIMIT ?`,
    )
    .all(digest, digest, NAMED_MAX)
    .map(({ repository }) => `repository ${repository}`);
  const images = content.reachability.namesAbove(digest).map((name) => `image ${name}`);
  return [...repositories, ...images].slice(0, NAMED_MAX);
}
