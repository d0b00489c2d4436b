import { formatError, GantryError } from "../../errors/gantry-error.ts";
import type { S3Bucket } from "../../s3/s3-bucket.ts";
import type { S3Patience } from "../../s3/s3-connection.ts";
import { S3Error } from "../../s3/s3-error.ts";
import type { State } from "../../state/state.ts";
import { requireStorageKind } from "../storage-kind.ts";
import { BucketProbe } from "./bucket-probe.ts";
import { BucketStorage, type BucketStorageParts } from "./bucket-storage.ts";

export interface OpenBucketStorageOptions extends Omit<BucketStorageParts, "probe"> {
  /** Of the root whose blobs are kept there. */
  readonly state: State;
  /** A name that nobody else has. */
  readonly randomId: () => string;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

/** Says whose objects these are. */
const OWNER_OBJECT = "gantry-root";

/** Who asks whether the registry is ready does not wait for a bucket as long as who wants a blob. */
const PROBE_PATIENCE: S3Patience = { triesMax: 2, responseTimeoutMs: 2000 };

/**
 * Opens a bucket, or what is below a prefix in it, as the storage of one root. The root owns it: what has no row there is removed. So it is
 * marked with the root's name, and refused if it is another's.
 *
 * @throws `conflict` if it belongs to another root, or the root's blobs are elsewhere; `unavailable`
 */
export async function openBucketStorage(options: OpenBucketStorageOptions): Promise<BucketStorage> {
  const { bucket, prefix, state, randomId, warn } = options;
  const { id, hasBlobs } = requireStorageKind(state, "bucket", randomId);
  const key = `${prefix}${OWNER_OBJECT}`;
  await requireOwner(bucket, key, { id, hasBlobs });
  await abortUploads(options);
  const ask = (): Promise<void> => requireStillOurs(bucket, key, id);
  return new BucketStorage({ ...options, probe: new BucketProbe({ ask, nowMs: () => performance.now(), warn }) });
}

async function requireStillOurs(bucket: S3Bucket, key: string, id: string): Promise<void> {
  const owner = await bucket.readSmall(key, PROBE_PATIENCE);
  if (owner === id) return;
  const what = owner === undefined ? `it has no ${key} any more` : `${key} in it names another registry`;
  throw new GantryError("unavailable", `the bucket ${bucket.name} is not the one that was opened: ${what}`);
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

async function requireOwner(
  bucket: S3Bucket,
  key: string,
  root: { readonly id: string; readonly hasBlobs: boolean },
): Promise<void> {
  let owner = await bucket.readSmall(key);
  if (owner === undefined && root.hasBlobs) {
    throw new GantryError("conflict", `the blobs of this root are not in the bucket ${bucket.name}: it has no ${key}`, {
      hint: "set bucket, prefix and endpoint in [storage.s3] to those that it was begun with",
    });
  }
  if (owner === undefined) {
    await bucket.createSmall(key, root.id);
    owner = await bucket.readSmall(key);
  }
  if (owner === root.id) return;
  throw new GantryError("conflict", `the bucket ${bucket.name} is another registry's, as ${key} in it says`, {
    hint: "give this one a prefix of its own in [storage.s3]",
  });
}
