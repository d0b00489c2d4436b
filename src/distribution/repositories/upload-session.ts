import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { diskError } from "../../content/disk-error.ts";
import type { Digest } from "../../oci/digest.ts";
import { finishDigest } from "../../oci/hash-digest.ts";
import type { RepositoryName } from "./repository-name.ts";

export type DigestAlgorithm = "sha256" | "sha512";

/** A blob on its way into a repository: a file, and what is known of it. */
export interface UploadSession {
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
