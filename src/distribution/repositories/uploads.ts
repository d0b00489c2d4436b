import { createHash, type Hash } from "node:crypto";
import { createReadStream, mkdirSync } from "node:fs";
import { type FileHandle, open, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { ContentStore } from "../../content/content-store.ts";
import { diskError } from "../../content/disk-error.ts";
import type { StoredBlob } from "../../content/ingest.ts";
import { type Digest, digestAlgorithm } from "../../oci/digest.ts";
import { digestOf, finishDigest } from "../../oci/hash-digest.ts";
import { RegistryError } from "./registry-error.ts";
import type { RepositoryBlobs } from "./repository-blobs.ts";
import type { RepositoryName } from "./repository-name.ts";

export type DigestAlgorithm = "sha256" | "sha512";

export interface UploadsParts {
  /** For unfinished blobs, on the content store's file system; made if it is missing. */
  readonly directory: string;
  readonly content: ContentStore;
  readonly blobs: RepositoryBlobs;
  readonly now: () => number;
  /** A name that nobody can guess: whoever knows it may continue the upload. */
  readonly randomId: () => string;
}

export interface AppendOptions {
  /** Where the chunk says that it begins; it must be where the upload stands. @default there */
  readonly startBytes?: number;
  /** How many bytes the chunk says that it has. */
  readonly sizeBytes?: number;
  /** Asked before each write with the size that the blob would then have; what it throws ends the request. */
  readonly admit?: (sizeBytes: number) => void;
}

interface Session {
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  readonly path: string;
  /** Of what is on disk; undefined if that must be read again. */
  hash: Hash | undefined;
  offsetBytes: number;
  touchedMs: number;
  /** Of the request that writes now. */
  writing: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
}

/** How many sessions are kept in memory; more are read again from their files. */
const SESSIONS_IN_MEMORY = 10_000;

/**
 * Blobs on their way into repositories, over several requests. What came is kept over a broken connection and a killed process; a
 * client that asks where it stands can go on.
 */
export class Uploads {
  readonly #parts: UploadsParts;
  readonly #sessions = new Map<string, Session>();

  constructor(parts: UploadsParts) {
    this.#parts = parts;
    try {
      mkdirSync(parts.directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw diskError(`cannot make the folder for uploads ${parts.directory}`, cause);
    }
  }

  /** Begins an upload and names it. Nothing is on disk before its first byte. */
  begin(repository: RepositoryName, algorithm: DigestAlgorithm = "sha256"): string {
    const id = this.#parts.randomId();
    this.#remember(id, {
      repository,
      algorithm,
      path: this.#path(id, repository, algorithm),
      hash: createHash(algorithm),
      offsetBytes: 0,
      touchedMs: this.#parts.now(),
      writing: undefined,
    });
    return id;
  }

  /** How many are known at this moment. */
  get count(): number {
    return this.#sessions.size;
  }

  /** How many bytes have come. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async offset(repository: RepositoryName, id: string): Promise<number> {
    return (await this.#session(repository, id)).offsetBytes;
  }

  /**
   * Takes bytes. A request that still writes to the same upload is ended before: its client has given it up. On failure the bytes
   * that came are kept.
   *
   * @returns how many bytes have come in all.
   * @throws RegistryError BLOB_UPLOAD_UNKNOWN; BLOB_UPLOAD_INVALID (416) for a chunk that does not continue; SIZE_INVALID; `exhausted` for a full disk.
   */
  async append(
    repository: RepositoryName,
    id: string,
    body: ReadableStream<Uint8Array> | undefined,
    options: AppendOptions = {},
  ): Promise<number> {
    const session = await this.#session(repository, id);
    while (session.writing !== undefined) {
      session.writing.abort.abort();
      await session.writing.done;
    }
    const finished = Promise.withResolvers<void>();
    const abort = new AbortController();
    session.writing = { abort, done: finished.promise };
    try {
      requireContinuation(session, options.startBytes);
      await this.#write(session, body, { ...options, signal: abort.signal });
      return session.offsetBytes;
    } finally {
      session.touchedMs = this.#parts.now();
      session.writing = undefined;
      finished.resolve();
    }
  }

  async #write(
    session: Session,
    body: ReadableStream<Uint8Array> | undefined,
    options: AppendOptions & { readonly signal: AbortSignal },
  ): Promise<void> {
    const start = session.offsetBytes;
    let file: FileHandle | undefined;
    try {
      for await (const chunk of body === undefined ? [] : readUntilAborted(body, options.signal)) {
        options.admit?.(session.offsetBytes + chunk.byteLength);
        file ??= await openForWriting(session.path);
        await writeAndHash(session, file, chunk);
      }
    } finally {
      await file?.close();
    }
    const received = session.offsetBytes - start;
    if (options.sizeBytes !== undefined && received !== options.sizeBytes) {
      throw new RegistryError("SIZE_INVALID", `the chunk has ${received} bytes, and said ${options.sizeBytes}`, {
        hint: "ask where the upload stands, and go on from there",
      });
    }
  }

  /**
   * Ends an upload: verified, durable, and held by the repository, at once. Whatever it comes to, the upload is over.
   *
   * @throws RegistryError DIGEST_INVALID if the bytes do not hash to `digest`; then nothing is left.
   */
  async finish(repository: RepositoryName, id: string, digest: Digest): Promise<StoredBlob> {
    const session = await this.#session(repository, id);
    if (session.writing !== undefined) {
      throw new RegistryError("BLOB_UPLOAD_INVALID", "another request is still writing to this upload", {
        status: 409,
      });
    }
    this.#sessions.delete(id);
    try {
      const file = await openForWriting(session.path);
      try {
        const actual = await digestOfSession(session, digestAlgorithm(digest));
        if (actual !== digest) {
          throw new RegistryError("DIGEST_INVALID", `the uploaded bytes hash to ${actual}, not to ${digest}`, {
            detail: { digest, actual, sizeBytes: session.offsetBytes },
          });
        }
        await file.truncate(session.offsetBytes);
        await file.sync();
      } finally {
        await file.close();
      }
      const blob = { digest, sizeBytes: session.offsetBytes };
      await this.#parts.content.adopt(session, blob, {
        also: () => void this.#parts.blobs.link(repository, digest),
      });
      return blob;
    } catch (cause) {
      await unlink(session.path).catch(() => undefined);
      throw diskError(`cannot store ${digest}`, cause);
    }
  }

  /** Gives an upload up, and what came of it. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const session = await this.#session(repository, id);
    this.#sessions.delete(id);
    session.writing?.abort.abort();
    await session.writing?.done;
    await unlink(session.path).catch(() => undefined);
  }

  /** Removes uploads to which nothing came for so long. @returns how many had bytes. */
  async sweep(idleMs: number): Promise<number> {
    const oldest = this.#parts.now() - idleMs;
    for (const [id, session] of this.#sessions) {
      if (session.touchedMs < oldest && session.writing === undefined) this.#sessions.delete(id);
    }
    const busy = new Set([...this.#sessions.values()].map((session) => session.path));
    let removed = 0;
    for (const name of await readdir(this.#parts.directory)) {
      const path = join(this.#parts.directory, name);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || busy.has(path) || found.mtimeMs >= oldest) continue;
      await unlink(path).catch(() => undefined);
      removed += 1;
    }
    return removed;
  }

  async #session(repository: RepositoryName, id: string): Promise<Session> {
    const session = this.#sessions.get(id) ?? (await this.#reopen(repository, id));
    if (session === undefined || session.repository !== repository) {
      throw new RegistryError("BLOB_UPLOAD_UNKNOWN", `repository ${repository} has no upload ${id}`, {
        hint: "it was finished, cancelled, or idle for too long: begin again",
      });
    }
    return session;
  }

  /** Takes up what an earlier process left. */
  async #reopen(repository: RepositoryName, id: string): Promise<Session | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    for (const algorithm of ["sha256", "sha512"] as const) {
      const path = this.#path(id, repository, algorithm);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined) continue;
      // Somebody else may have been as quick.
      const known = this.#sessions.get(id);
      if (known !== undefined) return known;
      const session: Session = {
        repository,
        algorithm,
        path,
        hash: undefined,
        offsetBytes: found.size,
        touchedMs: this.#parts.now(),
        writing: undefined,
      };
      this.#remember(id, session);
      return session;
    }
    return undefined;
  }

  #remember(id: string, session: Session): void {
    this.#sessions.set(id, session);
    if (this.#sessions.size <= SESSIONS_IN_MEMORY) return;
    for (const [oldest, { writing }] of this.#sessions) {
      if (writing !== undefined) continue;
      this.#sessions.delete(oldest);
      return;
    }
  }

  /** The file's name binds it to its repository, so that the upload of one cannot be finished in another. */
  #path(id: string, repository: RepositoryName, algorithm: DigestAlgorithm): string {
    return join(this.#parts.directory, `${id}.${algorithm}.${digestOf(repository).slice(7, 23)}`);
  }
}

function requireContinuation(session: Session, startBytes: number | undefined): void {
  if (startBytes === undefined || startBytes === session.offsetBytes) return;
  throw new RegistryError(
    "BLOB_UPLOAD_INVALID",
    `the chunk begins at byte ${startBytes}, the upload stands at byte ${session.offsetBytes}`,
    { status: 416, detail: { offsetBytes: session.offsetBytes } },
  );
}

async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return open(path, "wx+", 0o600);
      throw error;
    });
  } catch (cause) {
    throw diskError("cannot write an upload", cause);
  }
}

async function writeAndHash(session: Session, file: FileHandle, chunk: Uint8Array): Promise<void> {
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

async function digestOfSession(session: Session, algorithm: DigestAlgorithm): Promise<Digest> {
  if (session.hash !== undefined && session.algorithm === algorithm) return finishDigest(session.hash, algorithm);
  const hash = createHash(algorithm);
  if (session.offsetBytes > 0) {
    const stream = createReadStream(session.path, { end: session.offsetBytes - 1, highWaterMark: 1 << 20 });
    for await (const chunk of stream) hash.update(chunk as Uint8Array);
  }
  return finishDigest(hash, algorithm);
}

/** The chunks of a body, until the signal says that nobody wants it any more: then it fails. */
async function* readUntilAborted(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  // A read that waits ends with it. (A race of each read with the signal would keep every chunk until the end.)
  const onAbort = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) {
        throw new RegistryError("BLOB_UPLOAD_INVALID", "the client continued this upload in another request", {
          status: 409,
        });
      }
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: a client that stands still would hold us.
    onAbort();
  }
}
