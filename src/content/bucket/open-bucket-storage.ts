import type { State } from "../../state/state.ts";
import { requireStorageKind } from "../storage-kind.ts";
import type { BucketHolder } from "./bucket-mark.ts";
import { BucketOwner, type BucketOwnerParts } from "./bucket-owner.ts";
import { BucketStorage, type BucketStorageParts } from "./bucket-storage.ts";

export interface OpenBucketStorageOptions
  extends Omit<BucketStorageParts, "owner">,
    Pick<BucketOwnerParts, "lookMs" | "askMs" | "signal"> {
  /** Of the root whose blobs are kept there. */
  readonly state: State;
  /** This process. */
  readonly holder: BucketHolder;
  /** A name that nobody else has. */
  readonly randomId: () => string;
}

/**
 * Opens a bucket, or what is below a prefix in it, as the storage of one root. The root owns it: what has no row there is removed. So it is
 * marked with the root's name, and refused if it is another's.
 *
 * @throws `conflict` if it belongs to another root, another process serves from it, or the root's blobs are elsewhere; `unavailable`
 */
export async function openBucketStorage(options: OpenBucketStorageOptions): Promise<BucketStorage> {
  const { state, randomId } = options;
  const { id, hasBlobs } = requireStorageKind(state, "bucket", randomId);
  await using unlessOpened = new AsyncDisposableStack();
  const owner = unlessOpened.use(new BucketOwner({ ...options, id }));
  await owner.take(hasBlobs);
  const storage = new BucketStorage({ ...options, owner });
  await storage.removeUnfinished();
  unlessOpened.move();
  return storage;
}
