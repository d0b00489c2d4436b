import type { Digest } from "../oci/digest.ts";
import { nextTurn } from "../platform/next-turn.ts";
import type { State } from "../state/state.ts";
import type { Reachability } from "./reachability.ts";

export interface CollectGarbageParts {
  readonly state: State;
  readonly reachability: Reachability;
  /** Removes the file of a blob whose row is gone, unless it was stored again. */
  readonly removeFile: (digest: Digest) => Promise<void>;
  /** Say what would go, and leave it. @default false */
  readonly isDryRun?: boolean;
}

export interface Collected {
  readonly removed: readonly Digest[];
  readonly freedBytes: number;
}

interface BlobRow {
  readonly digest: Digest;
  readonly size_bytes: number;
}

/** How many rows, and for how long, one step holds the database and the event loop. */
const STEP_ROWS = 500;
const STEP_MS = 5;

/**
 * Removes what nothing needs, in short steps: each is a transaction, exact when it is made, and whatever waits is done between two of
 * them. Rows go first, files when that is on disk.
 */
export async function collectGarbage(parts: CollectGarbageParts): Promise<Collected> {
  const removed: Digest[] = [];
  let freedBytes = 0;
  for (let place: string | undefined = ""; place !== undefined; ) {
    const step: Step = collectStep(parts, place);
    for (const { digest, size_bytes } of step.garbage) {
      removed.push(digest);
      freedBytes += size_bytes;
      if (parts.isDryRun !== true) await parts.removeFile(digest);
    }
    place = step.next;
    await nextTurn();
  }
  if (parts.isDryRun !== true) await dropLooseEdges(parts);
  return { removed, freedBytes };
}

interface Step {
  readonly garbage: readonly BlobRow[];
  /** Where the next step begins; undefined at the end. */
  readonly next: string | undefined;
}

function collectStep({ state, reachability, isDryRun }: CollectGarbageParts, place: string): Step {
  return state.transaction(() => {
    const endMs = state.now() + STEP_MS;
    const rows = state.db
      .query<BlobRow, [string, number]>("SELECT digest, size_bytes FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?")
      .all(place, STEP_ROWS);
    const garbage: BlobRow[] = [];
    for (const row of rows) {
      if (!reachability.isNeeded(row.digest)) {
        garbage.push(row);
        if (isDryRun !== true) forget(state, row.digest);
      }
      if (state.now() >= endMs) return { garbage, next: row.digest };
    }
    return { garbage, next: rows.length < STEP_ROWS ? undefined : rows.at(-1)?.digest };
  });
}

function forget(state: State, digest: Digest): void {
  state.db.run("DELETE FROM blobs WHERE digest = ?", [digest]);
  state.db.run("DELETE FROM blob_edges WHERE parent = ?", [digest]);
}

/** What blobs referred to that went without a collection: lost files, blobs that were damaged. */
async function dropLooseEdges({ state, reachability }: CollectGarbageParts): Promise<void> {
  const page = state.db.query<{ parent: Digest; loose: number }, [string, number]>(
    `SELECT parent, NOT EXISTS (SELECT 1 FROM blobs WHERE digest = parent) AS loose
     FROM blob_edges WHERE parent > ? GROUP BY parent ORDER BY parent LIMIT ?`,
  );
  for (let place = ""; ; ) {
    const rows = page.all(place, STEP_ROWS);
    state.transaction(() => {
      for (const { parent, loose } of rows) {
        if (loose === 1 && !reachability.isNeeded(parent)) {
          state.db.run("DELETE FROM blob_edges WHERE parent = ?", [parent]);
        }
      }
    });
    const last = rows.at(-1);
    if (last === undefined || rows.length < STEP_ROWS) return;
    place = last.parent;
    await nextTurn();
  }
}
