import { formatError } from "../../errors/gantry-error.ts";
import { S3Error } from "../../s3/s3-error.ts";
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
  await abortUploads(options);
  return new BucketStorage({ ...options, owner });
}

/** Parts that a killed process sent and never made an object of: nobody sees them, and they cost money. */
async function abortUploads({ bucket, prefix, warn }: OpenBucketStorageOptions): Promise<void> {
  try {
    await bucket.abortUploads(`${prefix}blobs/`);
  } catch (error) {
    if (!(error instanceof S3Error) || error.isTransient) throw error;
    warn(`unfinished uploads are left in the bucket, let a rule of its own expire them: ${formatError(error)}`);
  }
}
