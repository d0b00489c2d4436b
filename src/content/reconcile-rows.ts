import type { Digest } from "../oci/digest.ts";
import type { State } from "../state/state.ts";
import type { StoredBlob } from "./ingest.ts";

export interface ReconcileRowsParts {
  readonly state: State;
  /** What the storage has, page by page, in the order of digests. */
  readonly pages: AsyncIterable<readonly Digest[]>;
  /** Removes bytes, unless there is a row by now. */
  readonly removeBytes: (digest: Digest) => Promise<void>;
  /** Removes a row, unless there are bytes by now. */
  readonly removeRow: (blob: StoredBlob) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** Compares what a storage has with the rows, one page after the other: neither side is ever in memory as a whole. */
export async function reconcileRows(parts: ReconcileRowsParts): Promise<void> {
  let place = "";
  for await (const page of parts.pages) {
    const last = page.at(-1);
    if (last === undefined) continue;
    await comparePage(parts, page, rowsBetween(parts.state, place, last));
    place = last;
  }
  await comparePage(parts, [], rowsBetween(parts.state, place, "t"));
}

async function comparePage(
  { removeBytes, removeRow, signal }: ReconcileRowsParts,
  page: readonly Digest[],
  rows: readonly StoredBlob[],
): Promise<void> {
  const stored = new Set(page);
  const known = new Set(rows.map(({ digest }) => digest));
  for (const digest of page) {
    signal?.throwIfAborted();
    if (!known.has(digest)) await removeBytes(digest);
  }
  for (const blob of rows) {
    signal?.throwIfAborted();
    if (!stored.has(blob.digest)) await removeRow(blob);
  }
}

/** @param last inclusive */
function rowsBetween(state: State, place: string, last: string): readonly StoredBlob[] {
  return state.db
    .query<StoredBlob, [string, string]>(
      "SELECT digest, size_bytes AS sizeBytes FROM blobs WHERE digest > ? AND digest <= ? ORDER BY digest",
    )
    .all(place, last);
}
