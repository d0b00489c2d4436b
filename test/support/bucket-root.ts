import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import type { BucketStorage } from "../../src/content/bucket/bucket-storage.ts";
import { openConfiguredStorage } from "../../src/daemon/open-bucket.ts";
import type { State } from "../../src/state/state.ts";
import { S3_TEST_BUCKET, S3_TEST_ENVIRONMENT } from "./s3-server.ts";

/** Where tests keep blobs in a bucket: `npm run test:s3` and `npm run test:crash -- registry --s3` say so. */
export interface TestBucket {
  readonly endpoint: string;
  /** Of the server, which keeps objects as files. */
  readonly folder: string;
}

export function testBucket(): TestBucket | undefined {
  const { GANTRY_TEST_S3: endpoint, GANTRY_TEST_S3_FOLDER: folder } = process.env;
  return endpoint === undefined || folder === undefined ? undefined : { endpoint, folder };
}

/** The environment in which `testBucket` is this one. */
export function inTestBucket({ endpoint, folder }: TestBucket): Readonly<Record<string, string>> {
  return { GANTRY_TEST_S3: endpoint, GANTRY_TEST_S3_FOLDER: folder };
}

/** The storage of a root's blobs: the bucket, below a prefix of the root's own, or files. */
export async function openTestStorage(root: string, state: State): Promise<{ readonly storage?: BucketStorage }> {
  const bucket = testBucket();
  if (bucket === undefined) return {};
  const { endpoint } = bucket;
  const config = {
    endpoint,
    bucket: S3_TEST_BUCKET,
    prefix: `${prefixOf(root)}/`,
    isPathStyle: true,
    redirects: false,
  };
  const environment = S3_TEST_ENVIRONMENT;
  const warn = (): void => undefined;
  return { storage: await openConfiguredStorage(config, { root, state, environment, randomId: randomUUID, warn }) };
}

/** The folder in which a root's blobs are, of the root or of the bucket. */
export function blobsFolder(root: string): string {
  const bucket = testBucket();
  return bucket === undefined
    ? join(root, "content/blobs")
    : join(bucket.folder, S3_TEST_BUCKET, prefixOf(root), "blobs");
}

function prefixOf(root: string): string {
  return createHash("sha256").update(root).digest("hex").slice(0, 16);
}
