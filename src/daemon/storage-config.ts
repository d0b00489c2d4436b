import { isPlainText } from "../toml/plain-text.ts";
import { isTomlTable, refuseUnknownKeys } from "../toml/toml-tables.ts";
import { isBareAddress } from "./bare-address.ts";

/** Where `registry.toml` wants blobs to be: `[storage.s3]`. Paths are absolute. */
export interface StorageConfig {
  readonly bucket: string;
  /** `https://s3.example.org`; undefined for Amazon's of the region. */
  readonly endpoint?: string;
  /** Undefined for what the environment says. */
  readonly region?: string;
  /** "" or ending in a slash. */
  readonly prefix: string;
  readonly isPathStyle: boolean;
  readonly redirects: boolean;
  /** Files that hold one of the credentials each; undefined for where the AWS tools look. */
  readonly credentialFiles?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

const KEYS: readonly string[] = [
  "bucket",
  "endpoint",
  "region",
  "prefix",
  "path-style",
  "redirect",
  "access-key-id-file",
  "secret-access-key-file",
  "session-token-file",
];
/** Amazon S3 user guide, "Bucket naming rules"; other servers allow more, and names of the old rules have capitals. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/;
/** Of the characters that are safe in keys, those that need no escape in an address. */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*\/?$/;
const REGION = /^[A-Za-z0-9-]{1,50}$/;

export function isRegion(text: string): boolean {
  return REGION.test(text);
}

/**
 * Reads `[storage]` of `registry.toml`.
 *
 * ```toml
 * [storage.s3]
 * bucket = "images"
 * endpoint = "https://s3.example.org"       # default: Amazon's of the region
 * region = "eu-central-1"                   # default: see readBucketRegion
 * prefix = "registry/"
 * path-style = true                         # default: true where endpoint is set
 * redirect = true                           # clients get blobs from the bucket; default: through the registry
 * access-key-id-file = "keys/id"            # relative to this file; default: see readBucketCredentials
 * secret-access-key-file = "keys/secret"
 * session-token-file = "keys/token"
 * ```
 *
 * @param problems what is wrong is added here, each with its place.
 * @param resolvePath makes a path of the file absolute
 */
export function parseStorage(
  value: unknown,
  problems: string[],
  resolvePath: (path: string) => string,
): StorageConfig | undefined {
  const s3 = isTomlTable(value) ? value.s3 : undefined;
  if (!isTomlTable(value) || !isTomlTable(s3)) {
    problems.push("storage is no table with a table s3 in it: write [storage.s3]");
    return undefined;
  }
  const before = problems.length;
  refuseUnknownKeys(value, { path: "storage", known: ["s3"], problems });
  refuseUnknownKeys(s3, { path: "storage.s3", known: KEYS, problems });
  const text = (key: string, isGood: (text: string) => boolean, what: string): string | undefined => {
    const item = s3[key];
    if (item === undefined || (typeof item === "string" && isGood(item))) return item;
    problems.push(`storage.s3.${key} is no ${what}`);
    return undefined;
  };
  const flag = (key: string, otherwise: boolean): boolean => {
    const item = s3[key] ?? otherwise;
    if (typeof item !== "boolean") problems.push(`storage.s3.${key} is neither true nor false`);
    return item === true;
  };
  if (s3.bucket === undefined) problems.push("storage.s3 needs a bucket");
  const bucket = text("bucket", (item) => BUCKET.test(item), "name of a bucket: 2 to 63 letters, digits and ._-");
  const endpoint = text("endpoint", isBareAddress, "address without a path, as https://s3.example.org");
  const region = text("region", isRegion, "name of a region, as eu-central-1");
  const prefix = text("prefix", (item) => PREFIX.test(item), "prefix of letters, digits and ._-/, as registry/") ?? "";
  const isPathStyle = flag("path-style", endpoint !== undefined);
  const redirects = flag("redirect", false);
  const credentialFiles = readCredentialFiles(text, resolvePath, problems);
  if (bucket === undefined || problems.length > before) return undefined;
  return {
    bucket,
    prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`,
    isPathStyle,
    redirects,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentialFiles === undefined ? {} : { credentialFiles }),
  };
}

function readCredentialFiles(
  text: (key: string, isGood: (text: string) => boolean, what: string) => string | undefined,
  resolvePath: (path: string) => string,
  problems: string[],
): StorageConfig["credentialFiles"] {
  const file = (name: string): string | undefined => {
    const path = text(`${name}-file`, isPlainText, "path of a file");
    return path === undefined ? undefined : resolvePath(path);
  };
  const accessKeyId = file("access-key-id");
  const secretAccessKey = file("secret-access-key");
  const sessionToken = file("session-token");
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  }
  if ((accessKeyId ?? secretAccessKey ?? sessionToken) !== undefined) {
    problems.push("storage.s3 needs both access-key-id-file and secret-access-key-file, or neither");
  }
  return undefined;
}
