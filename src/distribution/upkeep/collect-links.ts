import type { Digest } from "../../oci/digest.ts";
import { nextTurn } from "../../platform/next-turn.ts";
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

/** How many rows, and for how long, one step holds the database and the event loop. */
const STEP_ROWS = 500;
const STEP_MS = 5;

interface Place {
  readonly repository: string;
  readonly digest: string;
}

/**
 * Ends it that repositories hold blobs which none of their manifests refers to, once the grace period is over: uploads whose manifest
 * never came, and what removed manifests referred to. In short steps, each exact in its transaction.
 *
 * @returns what went, step by step
 */
export async function* collectLinks(state: State, options: CollectLinksOptions): AsyncGenerator<readonly BlobLink[]> {
  for (let place: Place | undefined = { repository: "", digest: "" }; place !== undefined; ) {
    options.signal?.throwIfAborted();
    const step: Step = collectStep(state, place, options);
    if (step.links.length > 0) yield step.links;
    place = step.next;
    await nextTurn();
  }
}

interface Step {
  readonly links: readonly BlobLink[];
  /** Where the next step begins; undefined at the end. */
  readonly next: Place | undefined;
}

function collectStep(state: State, place: Place, options: CollectLinksOptions): Step {
  return state.transaction(() => {
    const endMs = state.now() + STEP_MS;
    const rows = state.db
      .query<BlobLink, [string, string, number]>(
        `SELECT repository, digest, size_bytes AS sizeBytes, linked_ms AS linkedMs FROM repository_blobs
         WHERE (repository, digest) > (?, ?) ORDER BY repository, digest LIMIT ?`,
      )
      .all(place.repository, place.digest, STEP_ROWS);
    const links: BlobLink[] = [];
    for (const row of rows) {
      if (row.linkedMs < options.beforeMs && !isReferredTo(state.db, row.repository, row.digest)) links.push(row);
      if (state.now() >= endMs) return finish(state, links, { options, next: row });
    }
    return finish(state, links, { options, next: rows.length < STEP_ROWS ? undefined : rows.at(-1) });
  });
}

function finish(
  state: State,
  links: readonly BlobLink[],
  step: { readonly options: CollectLinksOptions; readonly next: Place | undefined },
): Step {
  if (step.options.isDryRun !== true) {
    const remove = state.db.query("DELETE FROM repository_blobs WHERE repository = ? AND digest = ?");
    for (const { repository, digest } of links) remove.run(repository, digest);
  }
  return { links, next: step.next };
}
