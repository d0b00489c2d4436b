import { GantryError } from "../errors/gantry-error.ts";
import type { State } from "../state/state.ts";

export type StorageKind = "files" | "bucket";

interface StorageRow {
  readonly kind: StorageKind;
  readonly id: string;
}

const IN_WORDS: Readonly<Record<StorageKind, string>> = { files: "files", bucket: "objects in a bucket" };
const HINTS: Readonly<Record<StorageKind, string>> = {
  files: "serve it without [storage.s3], or give the bucket a --root of its own",
  bucket: "serve it with the --config that names its bucket; an engine needs a --root of its own",
};

/**
 * Sees to it that a root's blobs are looked for where they are: elsewhere none would be found, and each row would be taken for a leftover. A
 * root that has no blobs takes any storage, and remembers it.
 *
 * @param newId names a storage that is new.
 * @returns what the storage is named, and whether there are blobs
 * @throws `conflict`
 */
export function requireStorageKind(
  state: State,
  kind: StorageKind,
  newId: () => string = () => "",
): { readonly id: string; readonly hasBlobs: boolean } {
  return state.transaction(() => {
    const row = state.db.query<StorageRow, []>("SELECT kind, id FROM content_storage").get();
    const hasBlobs = state.db.query("SELECT 1 FROM blobs LIMIT 1").get() !== null;
    // Before this was remembered there were only files.
    const known = row ?? (hasBlobs ? { kind: "files", id: "" } : undefined);
    if (known !== undefined && known.kind === kind) return { id: known.id, hasBlobs };
    if (known !== undefined && hasBlobs) {
      throw new GantryError("conflict", `the blobs of this root are ${IN_WORDS[known.kind]}, not ${IN_WORDS[kind]}`, {
        hint: HINTS[known.kind],
      });
    }
    const id = newId();
    state.db.run("INSERT OR REPLACE INTO content_storage (one, kind, id) VALUES (1, ?, ?)", [kind, id]);
    return { id, hasBlobs };
  });
}
