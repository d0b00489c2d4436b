import type { State } from "../../state/state.ts";
import { requireStorageKind } from "../storage-kind.ts";
import { BucketOwner } from "./bucket-owner.ts";
import { BucketStorage, type BucketStorageParts } from "./bucket-storage.ts";

export interface OpenBucketStorageOptions extends Omit<BucketStorageParts, "owner"> {
  /** Of the root whose blobs are kept there. */
  readonly state: State;
  /** A name that nobody else has. */
  readonly randomId: () => string;
}

/**
 * Opens a bucket, or what is below a prefix in it, as the storage of one root. The root owns it: what has no row there is removed. So it is
 * marked with the root's name, and refused if it is another's.
 *
 * @throws `conflict` if it belongs to another root, or the root's blobs are elsewhere; `unavailable`
 */
export async function openBucketStorage(options: OpenBucketStorageOptions): Promise<BucketStorage> {
  const { bucket, prefix, state, randomId } = options;
  const { id, hasBlobs } = requireStorageKind(state, "bucket", randomId);
  const owner = new BucketOwner({ bucket, prefix, id });
  await owner.take(hasBlobs);
  const storage = new BucketStorage({ ...options, owner });
  await storage.removeUnfinished();
  return storage;
}
