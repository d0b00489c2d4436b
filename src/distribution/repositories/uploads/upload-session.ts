import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { diskError } from "../../../errors/disk-error.ts";
import type { Digest, DigestAlgorithm } from "../../../oci/digest.ts";
import { finishDigest } from "../../../oci/hash-digest.ts";
import type { BodyPlace } from "../../../platform/http/body-receiver.ts";
import { writeWhole } from "../../../platform/write-whole.ts";
import { RegistryError } from "../registry-error.ts";
import type { RepositoryName } from "../repository-name.ts";
import type { RunningHash } from "./running-hash.ts";

/** A blob on its way into a repository: a file, and what is known of it. */
export interface UploadSession {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  readonly path: string;
  /** Who began it; undefined for nobody with a name. */
  readonly user: string | undefined;
  /** Of what is on disk; undefined if that must be read again. */
  hash: RunningHash | undefined;
  offsetBytes: number;
  touchedMs: number;
  /** It is being finished or cancelled: nobody may touch its file any more. */
  isOver: boolean;
  /** Of the request that writes now. */
  writing: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
}

/** Opens the file of an upload, made at its first byte. */
export async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return open(path, "wx+", 0o600);
      throw error;
    });
  } catch (cause) {
    throw diskError("cannot write an upload", cause);
  }
}

/**
 * Adds a chunk, and takes its memory; then, if it can, what has come at `place` by then, unless that breaks. On failure the session is as
 * before, but for its hash.
 */
export async function writeAndHash(
  session: UploadSession,
  file: FileHandle,
  chunk: Uint8Array,
  place?: BodyPlace,
): Promise<void> {
  const { offsetBytes } = session;
  const { byteLength } = chunk;
  const hash = knownHash(session);
  // It is ahead of the file until the write is done.
  session.hash = undefined;
  try {
    if (hash === undefined) await writeWhole(file.fd, chunk, offsetBytes);
    else await hash.write(file, chunk, offsetBytes, place);
    // The next process takes what is in the file for what came.
    if (place?.isBroken === true) await file.truncate(offsetBytes + byteLength);
  } catch (cause) {
    hash?.drop();
    throw diskError("cannot write an upload", cause);
  }
  session.offsetBytes += byteLength;
  if (place?.isBroken === true) return hash?.drop();
  session.offsetBytes += place?.takenBytes ?? 0;
  session.hash = hash;
}

function knownHash({ hash }: UploadSession): RunningHash | undefined {
  return hash?.isLost === true ? undefined : hash;
}

/** What all that came hashes to. */
export async function digestOfSession(session: UploadSession, algorithm: DigestAlgorithm): Promise<Digest> {
  const known = knownHash(session);
  if (known !== undefined && session.algorithm === algorithm) return await known.digest();
  const hash = createHash(algorithm);
  if (session.offsetBytes > 0) {
    const stream = createReadStream(session.path, { end: session.offsetBytes - 1, highWaterMark: 1 << 20 });
    for await (const chunk of stream) hash.update(chunk as Uint8Array);
  }
  return finishDigest(hash, algorithm);
}

export function unknownUpload(repository: RepositoryName, id: string): RegistryError {
  return new RegistryError("BLOB_UPLOAD_UNKNOWN", `repository ${repository} has no upload ${id.slice(0, 100)}`, {
    hint: "it was finished, cancelled, or idle for too long: begin again",
  });
}

/** True if no request writes to it, ends it or gives it up. */
export function isIdle({ writing, isOver }: UploadSession): boolean {
  return writing === undefined && !isOver;
}

/** Another request may have ended the upload while this one waited. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
export function requireOpen({ repository, id, isOver }: UploadSession): void {
  if (isOver) throw unknownUpload(repository, id);
}

/** A chunk goes on where the upload stands. @throws RegistryError BLOB_UPLOAD_INVALID (416) */
export function requireContinuation(session: UploadSession, startBytes: number | undefined): void {
  if (startBytes === undefined || startBytes === session.offsetBytes) return;
  throw new RegistryError(
    "BLOB_UPLOAD_INVALID",
    `the chunk begins at byte ${startBytes}, the upload stands at byte ${session.offsetBytes}`,
    { status: 416, detail: { offsetBytes: session.offsetBytes } },
  );
}
