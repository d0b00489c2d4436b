import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { isPathTaken, readTextFile } from "../platform/text-file.ts";
import type { S3Credentials } from "../s3/s3-connection.ts";
import { parseAwsProfile } from "./aws-profile.ts";
import type { StorageConfig } from "./storage-config.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const HINT =
  "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the files in [storage.s3], or keys in a profile of ~/.aws/credentials; " +
  "those of a role, of SSO or of the machine's metadata are not asked for";

/**
 * The access key of a bucket: of the configuration's files, else of the environment, else of the file that the AWS tools share. Read anew
 * each time: files are replaced while a registry runs.
 *
 * @throws `invalid-argument` if there is none anywhere, `unavailable` if one that is named cannot be had
 */
export function readBucketCredentials(config: StorageConfig, environment: Environment): S3Credentials {
  const { bucket, credentialFiles } = config;
  if (credentialFiles !== undefined) {
    const read = (path: string): string => readKeyFile(path, bucket).trim();
    const { accessKeyId, secretAccessKey, sessionToken } = credentialFiles;
    return toCredentials(read(accessKeyId), read(secretAccessKey), sessionToken && read(sessionToken));
  }
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY) {
    return toCredentials(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN);
  }
  return readProfile(bucket, environment);
}

function readProfile(bucket: string, environment: Environment): S3Credentials {
  const { AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE, HOME } = environment;
  const path = AWS_SHARED_CREDENTIALS_FILE || (HOME && join(HOME, ".aws/credentials"));
  const isNamed = Boolean(AWS_SHARED_CREDENTIALS_FILE || AWS_PROFILE);
  if (!path || (!isNamed && !isPathTaken(path))) {
    throw new GantryError("invalid-argument", `there is no access key for the bucket ${bucket}`, { hint: HINT });
  }
  const name = AWS_PROFILE || "default";
  const profile = parseAwsProfile(readKeyFile(path, bucket), name);
  const accessKeyId = profile?.get("aws_access_key_id");
  const secretAccessKey = profile?.get("aws_secret_access_key");
  if (accessKeyId && secretAccessKey) {
    return toCredentials(accessKeyId, secretAccessKey, profile?.get("aws_session_token"));
  }
  const what =
    profile === undefined
      ? `there is no profile ${JSON.stringify(name)} with the access key for the bucket ${bucket}`
      : `the profile ${JSON.stringify(name)} has no access key for the bucket ${bucket}`;
  throw new GantryError("unavailable", what, { hint: HINT });
}

function toCredentials(accessKeyId: string, secretAccessKey: string, sessionToken: string | undefined): S3Credentials {
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

/** Clients hear the sentence: the file's name is for the operator. */
function readKeyFile(path: string, bucket: string): string {
  try {
    return readTextFile(path);
  } catch (cause) {
    throw new GantryError("unavailable", `cannot read the access key for the bucket ${bucket}`, { hint: HINT, cause });
  }
}
