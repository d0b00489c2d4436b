import { join } from "node:path";
import type { Digest } from "../oci/digest.ts";
import type { State } from "../state/state.ts";
import { FolderStorage } from "./folder-storage.ts";
import { requireStorageKind } from "./storage-kind.ts";

/**
 * Opens `blobs/` of a content store. Files without rows, and rows without files, are what a killed process left: they are gone when this returns.
 *
 * @param directory `<root>/content`
 * @throws `conflict` if the root's blobs are not files
 */
export function openFolderStorage(directory: string, state: State): FolderStorage {
  requireStorageKind(state, "files");
  const folder = new FolderStorage(join(directory, "blobs"));
  const rows = state.db.query<{ digest: Digest }, []>("SELECT digest FROM blobs").all();
  const missing = folder.sweep(rows.map(({ digest }) => digest));
  state.transaction(() => {
    for (const digest of missing) state.db.run("DELETE FROM blobs WHERE digest = ?", [digest]);
  });
  return folder;
}
