import type { BucketStorage } from "../content/bucket/bucket-storage.ts";
import { openBucketStorage } from "../content/bucket/open-bucket-storage.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { readRegularFile } from "../platform/text-file.ts";
import { S3Bucket } from "../s3/s3-bucket.ts";
import type { S3Credentials } from "../s3/s3-connection.ts";
import type { State } from "../state/state.ts";
import type { StorageConfig } from "./storage-config.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_REGION = "us-east-1";

/** A client follows a redirect at once; a retry asks here again. */
const REDIRECT_SECONDS = 900;

export interface OpenConfiguredStorageParts {
  readonly state: State;
  readonly environment: Environment;
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
    bucket: openBucket(config, parts.environment),
    prefix: config.prefix,
    ...(config.redirects ? { redirectSeconds: REDIRECT_SECONDS } : {}),
  });
}

/** The bucket that a configuration names. @throws `invalid-argument` if there is no access key */
function openBucket(config: StorageConfig, environment: Environment): S3Bucket {
  const { bucket, isPathStyle } = config;
  const region = config.region ?? (environment.AWS_REGION || environment.AWS_DEFAULT_REGION || DEFAULT_REGION);
  const endpoint = config.endpoint ?? `https://s3.${region}.amazonaws.com`;
  const credentials = (): S3Credentials => readCredentials(config, environment);
  // Before anything waits for it.
  credentials();
  return new S3Bucket({ bucket, region, endpoint, isPathStyle, credentials, random: Math.random });
}

/** Read anew for each request: files are replaced while a registry runs. */
function readCredentials({ credentialFiles, bucket }: StorageConfig, environment: Environment): S3Credentials {
  if (credentialFiles !== undefined) {
    const { accessKeyId, secretAccessKey, sessionToken } = credentialFiles;
    return {
      accessKeyId: readSecret(accessKeyId),
      secretAccessKey: readSecret(secretAccessKey),
      ...(sessionToken === undefined ? {} : { sessionToken: readSecret(sessionToken) }),
    };
  }
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new GantryError("invalid-argument", `there is no access key for the bucket ${bucket}`, {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the files in [storage.s3]",
    });
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
  };
}

function readSecret(path: string): string {
  try {
    return readRegularFile(path).trim();
  } catch (cause) {
    throw new GantryError("unavailable", `cannot read the access key in ${path}`, { cause });
  }
}
