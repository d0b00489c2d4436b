import { statSync } from "node:fs";
import { hostname } from "node:os";
import type { BucketHolder } from "../content/bucket/bucket-mark.ts";
import type { BucketStorage } from "../content/bucket/bucket-storage.ts";
import { openBucketStorage } from "../content/bucket/open-bucket-storage.ts";
import { findBootId } from "../platform/process-identity.ts";
import { S3Bucket } from "../s3/s3-bucket.ts";
import type { S3Credentials } from "../s3/s3-connection.ts";
import type { State } from "../state/state.ts";
import { type Environment, readBucketCredentials } from "./bucket-credentials.ts";
import { readBucketRegion } from "./bucket-region.ts";
import type { StorageConfig } from "./storage-config.ts";

/** A client follows a redirect at once; a retry asks here again. */
const REDIRECT_SECONDS = 900;

export interface OpenConfiguredStorageParts {
  /** Whose lock this process has. */
  readonly root: string;
  readonly state: State;
  readonly environment: Environment;
  /** Ends waiting for whether another process still serves from the bucket. */
  readonly signal?: AbortSignal;
  readonly randomId: () => string;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

/** Opens the bucket that a configuration names as the storage of a root. @throws `invalid-argument`, `conflict`, `unavailable` */
export async function openConfiguredStorage(
  config: StorageConfig,
  parts: OpenConfiguredStorageParts,
): Promise<BucketStorage> {
  return await openBucketStorage({
    ...parts,
    holder: holderIn(parts),
    bucket: openBucket(config, parts.environment),
    prefix: config.prefix,
    ...(config.redirects ? { redirectSeconds: REDIRECT_SECONDS } : {}),
  });
}

function holderIn({ root, randomId }: OpenConfiguredStorageParts): BucketHolder {
  const { dev, ino } = statSync(root);
  // Without a boot's number the place is one where nobody else ever is: a lock of the same name may be another host's, so that who served last is asked.
  const boot = findBootId() ?? randomId();
  return { id: randomId(), place: `${boot} ${dev}:${ino}`, name: `process ${process.pid} on ${hostname()}` };
}

/** The bucket that a configuration names. @throws `invalid-argument` if there is no access key, or the region is none */
function openBucket(config: StorageConfig, environment: Environment): S3Bucket {
  const { bucket, isPathStyle } = config;
  const region = readBucketRegion(config, environment);
  const endpoint = config.endpoint ?? `https://s3.${region}.amazonaws.com`;
  const credentials = (): S3Credentials => readBucketCredentials(config, environment);
  // Before anything waits for it.
  credentials();
  return new S3Bucket({ bucket, region, endpoint, isPathStyle, credentials, random: Math.random });
}
