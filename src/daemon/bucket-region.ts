import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { isPathTaken, readTextFile } from "../platform/text-file.ts";
import { parseAwsProfile } from "./aws-profile.ts";
import type { Environment } from "./bucket-credentials.ts";
import { isRegion, type StorageConfig } from "./storage-config.ts";

const DEFAULT_REGION = "us-east-1";
const HINT = "set region in [storage.s3], AWS_REGION, or region in a profile of ~/.aws/config";

/**
 * The region of a bucket: of the configuration, else of the environment, else of the profile in the files that the AWS tools share.
 *
 * @throws `invalid-argument` if it is no name of a region, `unavailable` if a file cannot be read
 */
export function readBucketRegion(config: StorageConfig, environment: Environment): string {
  const { AWS_REGION, AWS_DEFAULT_REGION } = environment;
  const found = config.region ?? (AWS_REGION || AWS_DEFAULT_REGION || regionOfProfile(config.bucket, environment));
  const region = found || DEFAULT_REGION;
  if (isRegion(region)) return region;
  throw new GantryError(
    "invalid-argument",
    `${JSON.stringify(region)} is no name of a region for the bucket ${config.bucket}`,
    { hint: HINT },
  );
}

/** A file that is not there says nothing, also one that the environment names: so the AWS tools have it. */
function regionOfProfile(bucket: string, environment: Environment): string | undefined {
  const { AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE, HOME } = environment;
  const name = AWS_PROFILE || "default";
  const find = (path: string | undefined, titles: readonly string[]): string | undefined => {
    if (!path || !isPathTaken(path)) return undefined;
    const text = readShared(path, bucket);
    return titles
      .map((title) => parseAwsProfile(text, title))
      .find((profile) => profile !== undefined)
      ?.get("region");
  };
  // What both files say of a profile, the one of credentials decides; in the other one only the default goes without the word.
  return (
    find(AWS_SHARED_CREDENTIALS_FILE || (HOME && join(HOME, ".aws/credentials")), [name]) ??
    find(AWS_CONFIG_FILE || (HOME && join(HOME, ".aws/config")), [
      `profile ${name}`,
      ...(name === "default" ? [name] : []),
    ])
  );
}

function readShared(path: string, bucket: string): string {
  try {
    return readTextFile(path);
  } catch (cause) {
    throw new GantryError("unavailable", `cannot read the region of the bucket ${bucket}`, { hint: HINT, cause });
  }
}
