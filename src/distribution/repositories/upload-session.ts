import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { diskError } from "../../errors/disk-error.ts";
import type { Digest } from "../../oci/digest.ts";
import { finishDigest } from "../../oci/hash-digest.ts";
import { RegistryError } from "./registry-error.ts";
import type { RepositoryName } from "./repository-name.ts";

export type DigestAlgorithm = "sha256" | "sha512";

/** A blob on its way into a repository: a file, and what is known of it. */
export interface UploadSession {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  readonly path: string;
  /** Of what is on disk; undefined if that must be read again. */
  hash: Hash | undefined;
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

/** Adds a chunk. On failure the session is as before, but for its hash. */
export async function writeAndHash(session: UploadSession, file: FileHandle, chunk: Uint8Array): Promise<void> {
  const { hash, offsetBytes } = session;
  // Both at once; the hash is ahead of the file until the write is done.
  session.hash = undefined;
  const writing = writeWhole(file, chunk, offsetBytes);
  hash?.update(chunk);
  try {
    await writing;
  } catch (cause) {
    throw diskError("cannot write an upload", cause);
  }
  session.offsetBytes += chunk.byteLength;
  session.hash = hash;
}

async function writeWhole(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    const { bytesWritten } = await file.write(chunk, done, chunk.byteLength - done, position + done);
    done += bytesWritten;
  }
}

/** What all that came hashes to. */
export async function digestOfSession(session: UploadSession, algorithm: DigestAlgorithm): Promise<Digest> {
  if (session.hash !== undefined && session.algorithm === algorithm) return finishDigest(session.hash, algorithm);
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
