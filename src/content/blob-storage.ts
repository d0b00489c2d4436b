import type { Digest } from "../oci/digest.ts";
import type { StoredBlob } from "./ingest.ts";
import type { BlobVerifier } from "./scrub/scrub-protocol.ts";

/** A part of a blob, not empty. */
export interface BlobSpan {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Bytes that are there, a file that is opened when it is read, or bytes as they come. */
export type BlobBody = Blob | ReadableStream<Uint8Array> | AsyncGenerator<Uint8Array, unknown, undefined>;

/**
 * Where the bytes of blobs lie. Which blobs there are, the database says. Whoever stores or removes has the lock of the digest.
 *
 * Reading throws `data-loss` for bytes that are not there, and everything throws `unavailable` while the storage cannot be used.
 */
export interface BlobStorage {
  /** How much of what was read whole and verified is worth its memory; 0 where reading is quick. */
  readonly rememberedBytesMax: number;
  /** True if the whole blob is there; false only if it is certain that it is not. */
  holds(blob: StoredBlob): Promise<boolean>;
  /** Takes a finished, synced file: durable when this returns, and never to be seen in part. On failure the file stays where it was. */
  take(path: string, blob: StoredBlob): Promise<void>;
  /** The bytes as they lie, not verified. */
  read(blob: StoredBlob): AsyncIterable<Uint8Array>;
  /** Bytes as the body of a response, not verified. When this returns they can be had. */
  body(blob: StoredBlob, span: BlobSpan): Promise<BlobBody>;
  /** Where clients are to get a blob, if not from here. */
  redirect(digest: Digest): Promise<string | undefined>;
  /** Removes a blob. Idempotent. */
  remove(digest: Digest): Promise<void>;
  /** Cheap enough to be asked often. @throws `unavailable` while the storage cannot be used, with the reason */
  requireReady(): Promise<void>;
  openVerifier(): BlobVerifier;
  /** Where a blob's file is or would be. @throws `unsupported` of a storage that has no files */
  path(digest: Digest): string;
  /** Removes what came of storing that was not ended, but for what is being stored now. @throws `unavailable` */
  removeUnfinished(): Promise<void>;
  /** Everything that is there and this root's, page by page, in the order of digests; undefined if what is there was compared with the rows at the start. */
  list(): AsyncIterable<readonly Digest[]> | undefined;
}
