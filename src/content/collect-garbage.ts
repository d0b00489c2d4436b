import type { Digest } from "../oci/digest.ts";
import { shortSteps } from "../state/short-steps.ts";
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

/**
 * Removes what nothing needs, in short steps: each is exact when it is made, and whatever waits is done between two of them. Rows go first,
 * files when that is on disk.
 */
export async function collectGarbage(parts: CollectGarbageParts): Promise<Collected> {
  const { state, reachability, isDryRun = false } = parts;
  const removed: Digest[] = [];
  let freedBytes = 0;
  const page = state.db.query<BlobRow, [string, number]>(
    "SELECT digest, size_bytes FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?",
  );
  const garbage = shortSteps<BlobRow>(state, {
    page: (last, limit) => page.all(last?.digest ?? "", limit),
    take({ digest }) {
      if (reachability.isNeeded(digest)) return false;
      if (!isDryRun) forget(state, digest);
      return true;
    },
  });
  for await (const rows of garbage) {
    for (const { digest, size_bytes } of rows) {
      removed.push(digest);
      freedBytes += size_bytes;
      if (!isDryRun) await parts.removeFile(digest);
    }
  }
  if (!isDryRun) await dropLooseEdges(parts);
  return { removed, freedBytes };
}

function forget(state: State, digest: Digest): void {
  state.db.run("DELETE FROM blobs WHERE digest = ?", [digest]);
  dropEdges(state, digest);
}

function dropEdges(state: State, parent: Digest): void {
  state.db.run("DELETE FROM blob_edges WHERE parent = ?", [parent]);
}

interface ParentRow {
  readonly parent: Digest;
  readonly loose: number;
}

/** What blobs referred to that went without a collection: lost files, blobs that were damaged. */
async function dropLooseEdges({ state, reachability }: CollectGarbageParts): Promise<void> {
  const page = state.db.query<ParentRow, [string, number]>(
    `SELECT parent, NOT EXISTS (SELECT 1 FROM blobs WHERE digest = parent) AS loose
     FROM blob_edges WHERE parent > ? GROUP BY parent ORDER BY parent LIMIT ?`,
  );
  const steps = shortSteps<ParentRow>(state, {
    page: (last, limit) => page.all(last?.parent ?? "", limit),
    take({ parent, loose }) {
      if (loose === 1 && !reachability.isNeeded(parent)) dropEdges(state, parent);
      return false;
    },
  });
  for await (const _none of steps);
}
