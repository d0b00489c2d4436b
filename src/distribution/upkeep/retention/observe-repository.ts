import type { Digest } from "../../../oci/digest.ts";
import { nextTurn } from "../../../platform/next-turn.ts";
import type { State } from "../../../state/state.ts";
import type { RepositoryName, Tag } from "../../repositories/repository-name.ts";
import type { ObservedManifest, ObservedRepository, ObservedTag } from "./observed-repository.ts";

/** How many rows are read at once, with everything else between. */
const PAGE_ROWS = 500;

interface ManifestRow {
  readonly digest: Digest;
  readonly pushed_ms: number;
  readonly pulled_ms: number | null;
  readonly released_ms: number | null;
  readonly subject: Digest | null;
  /** Parted by spaces. */
  readonly children: string | null;
}

/**
 * Reads all that a repository holds, page by page. What changes meanwhile may be seen half: whoever acts on it looks again
 * (`applyStep`).
 */
export async function observeRepository(state: State, repository: RepositoryName): Promise<ObservedRepository> {
  const manifestPage = state.db.query<ManifestRow, [string, string, number]>(
    `SELECT digest, pushed_ms, pulled_ms, released_ms, subject,
       (SELECT group_concat(edge.child, ' ') FROM blob_edges AS edge
        CROSS JOIN repository_manifests AS entry
        WHERE edge.parent = manifest.digest AND entry.repository = manifest.repository AND entry.digest = edge.child
       ) AS children
     FROM repository_manifests AS manifest WHERE repository = ? AND digest > ? ORDER BY digest LIMIT ?`,
  );
  const tagPage = state.db.query<ObservedTag, [string, string, number]>(
    `SELECT tag, digest, tagged_ms AS taggedMs FROM repository_tags
     WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?`,
  );
  const manifests = await readPages(
    (place) => manifestPage.all(repository, place, PAGE_ROWS).map(toObserved),
    (manifest) => manifest.digest,
  );
  const tags = await readPages(
    (place) => tagPage.all(repository, place, PAGE_ROWS),
    (row) => row.tag satisfies Tag,
  );
  return { repository, manifests, tags };
}

async function readPages<T>(read: (place: string) => readonly T[], after: (row: T) => string): Promise<T[]> {
  const rows: T[] = [];
  for (let place = ""; ; ) {
    const page = read(place);
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_ROWS) return rows;
    place = after(last);
    await nextTurn();
  }
}

function toObserved(row: ManifestRow): ObservedManifest {
  return {
    digest: row.digest,
    pushedMs: row.pushed_ms,
    ...(row.pulled_ms === null ? {} : { pulledMs: row.pulled_ms }),
    ...(row.released_ms === null ? {} : { releasedMs: row.released_ms }),
    ...(row.subject === null ? {} : { subject: row.subject }),
    children: row.children === null ? [] : (row.children.split(" ") as Digest[]),
  };
}
