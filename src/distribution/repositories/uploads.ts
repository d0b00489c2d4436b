import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { type FileHandle, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { ContentStore } from "../../content/content-store.ts";
import { diskError } from "../../content/disk-error.ts";
import type { StoredBlob } from "../../content/ingest.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import { type Digest, digestAlgorithm } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { releaseBytes } from "../../platform/release-bytes.ts";
import { readUntilAborted } from "./read-until-aborted.ts";
import { RegistryError } from "./registry-error.ts";
import type { RepositoryBlobs } from "./repository-blobs.ts";
import type { RepositoryName } from "./repository-name.ts";
import {
  type DigestAlgorithm,
  digestOfSession,
  openForWriting,
  type UploadSession,
  writeAndHash,
} from "./upload-session.ts";

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

/** How many sessions are kept in memory; more are read again from their files. */
const SESSIONS_IN_MEMORY = 10_000;

/** An upload to which nothing came for so long makes room for others, where there is none. */
const PAUSED_MS = 30_000;

/**
 * Blobs on their way into repositories, over several requests. What came is kept over a broken connection and a killed process; a
 * client that asks where it stands can go on.
 */
export class Uploads {
  readonly #parts: UploadsParts;
  readonly #sessions = new Map<string, UploadSession>();
  /** Those that were begun and may have no bytes yet, the oldest first: what is forgotten first. */
  readonly #begun = new Set<string>();

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
      isOver: false,
      writing: undefined,
    });
    return id;
  }

  /** How many are known at this moment. */
  get count(): number {
    return this.#sessions.size;
  }

  /**
   * What has come of uploads that are not finished, in repositories that `matches` says yes to.
   *
   * @param except leaves one out
   */
  pendingBytes(matches: (repository: string) => boolean, except?: string): number {
    let bytes = 0;
    for (const [id, { repository, offsetBytes, isOver }] of this.#sessions) {
      if (offsetBytes > 0 && !isOver && id !== except && matches(repository)) bytes += offsetBytes;
    }
    return bytes;
  }

  /** Gives up what nobody has sent for a while in a repository: a client that lost its connection begins anew more often than it goes on. */
  giveUpPaused(repository: RepositoryName, except: string): void {
    for (const [id, session] of this.#sessions) {
      if (session.repository !== repository || id === except) continue;
      if (session.writing !== undefined || session.isOver || session.touchedMs > this.#parts.now() - PAUSED_MS)
        continue;
      session.isOver = true;
      this.#forget(id);
      void unlink(session.path).catch(() => undefined);
    }
  }

  /** How many bytes have come. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async offset(repository: RepositoryName, id: string): Promise<number> {
    return (await this.#session(repository, id)).offsetBytes;
  }

  /**
   * Takes bytes, and the memory of the body's chunks with them. A request that still writes to the same upload is ended before: its client has given it up. On failure the bytes
   * that came are kept; but on a full disk the upload is over, so that others have its room.
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
    requireOpen(session, id);
    const finished = Promise.withResolvers<void>();
    const abort = new AbortController();
    session.writing = { abort, done: finished.promise };
    try {
      requireContinuation(session, options.startBytes);
      await this.#write(session, body, { ...options, signal: abort.signal });
      return session.offsetBytes;
    } catch (error) {
      if (isDiskFull(error)) {
        session.isOver = true;
        await unlink(session.path).catch(() => undefined);
        this.#forget(id);
      }
      throw error;
    } finally {
      session.touchedMs = this.#parts.now();
      session.writing = undefined;
      finished.resolve();
    }
  }

  async #write(
    session: UploadSession,
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
        releaseBytes(chunk);
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
   * Ends an upload: verified, durable, and held by the repository, at once. Whatever it comes to, the upload is over, unless the store cannot
   * be used at this moment: then it is as before, and may be ended again.
   *
   * @throws RegistryError DIGEST_INVALID if the bytes do not hash to `digest`; then nothing is left. BLOB_UPLOAD_INVALID (409) while a
   *   request still writes; then nothing has changed.
   * @param options.also runs in the transaction that makes the repository hold it. Must not wait.
   */
  async finish(
    { repository, id }: { readonly repository: RepositoryName; readonly id: string },
    digest: Digest,
    options: { readonly also?: (blob: StoredBlob) => void } = {},
  ): Promise<StoredBlob> {
    const session = await this.#session(repository, id);
    requireOpen(session, id);
    if (session.writing !== undefined) {
      throw new RegistryError("BLOB_UPLOAD_INVALID", "another request is still writing to this upload", {
        status: 409,
      });
    }
    session.isOver = true;
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
        also: () => {
          this.#parts.blobs.link(repository, digest);
          options.also?.(blob);
        },
      });
      return blob;
    } catch (cause) {
      if (!isGantryError(cause, "unavailable")) await unlink(session.path).catch(() => undefined);
      throw diskError(`cannot store ${digest}`, cause);
    } finally {
      // Not before: it would be taken up again from its file.
      this.#forget(id);
    }
  }

  /** Gives an upload up, and what came of it. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const session = await this.#session(repository, id);
    requireOpen(session, id);
    session.isOver = true;
    session.writing?.abort.abort();
    await session.writing?.done;
    await unlink(session.path).catch(() => undefined);
    this.#forget(id);
  }

  /** Removes uploads to which nothing came for so long. @returns how many had bytes. */
  async sweep(idleMs: number): Promise<number> {
    const oldest = this.#parts.now() - idleMs;
    for (const [id, session] of this.#sessions) {
      if (session.touchedMs < oldest && session.writing === undefined && !session.isOver) this.#forget(id);
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

  async #session(repository: RepositoryName, id: string): Promise<UploadSession> {
    const session = this.#sessions.get(id) ?? (await this.#reopen(repository, id));
    if (session === undefined || session.repository !== repository) throw unknownUpload(repository, id);
    requireOpen(session, id);
    return session;
  }

  /** Takes up what an earlier process left. */
  async #reopen(repository: RepositoryName, id: string): Promise<UploadSession | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    for (const algorithm of ["sha256", "sha512"] as const) {
      const path = this.#path(id, repository, algorithm);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined) continue;
      // Somebody else may have been as quick.
      const known = this.#sessions.get(id);
      if (known !== undefined) return known;
      const session: UploadSession = {
        repository,
        algorithm,
        path,
        hash: undefined,
        offsetBytes: found.size,
        touchedMs: this.#parts.now(),
        isOver: false,
        writing: undefined,
      };
      this.#remember(id, session);
      return session;
    }
    return undefined;
  }

  #remember(id: string, session: UploadSession): void {
    this.#sessions.set(id, session);
    if (session.offsetBytes === 0) this.#begun.add(id);
    const oldest = this.#sessions.size > SESSIONS_IN_MEMORY ? this.#oldestIdle() : undefined;
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(id: string): void {
    this.#sessions.delete(id);
    this.#begun.delete(id);
  }

  /** Of those without bytes first: those with bytes count for quotas for as long as they are known. */
  #oldestIdle(): string | undefined {
    for (const id of this.#begun) {
      const session = this.#sessions.get(id);
      if (session === undefined || session.offsetBytes > 0) this.#begun.delete(id);
      else if (isIdle(session)) return id;
    }
    return this.#sessions.entries().find(([, session]) => isIdle(session))?.[0];
  }

  /** The file's name binds it to its repository, so that the upload of one cannot be finished in another. */
  #path(id: string, repository: RepositoryName, algorithm: DigestAlgorithm): string {
    return join(this.#parts.directory, `${id}.${algorithm}.${digestOf(repository).slice(7, 23)}`);
  }
}

function unknownUpload(repository: RepositoryName, id: string): RegistryError {
  return new RegistryError("BLOB_UPLOAD_UNKNOWN", `repository ${repository} has no upload ${id.slice(0, 100)}`, {
    hint: "it was finished, cancelled, or idle for too long: begin again",
  });
}

function isDiskFull(error: unknown): boolean {
  return isGantryError(error, "exhausted") && !(error instanceof RegistryError);
}

function isIdle({ writing, isOver }: UploadSession): boolean {
  return writing === undefined && !isOver;
}

/** Another request may have ended the upload while this one waited. */
function requireOpen(session: UploadSession, id: string): void {
  if (session.isOver) throw unknownUpload(session.repository, id);
}

function requireContinuation(session: UploadSession, startBytes: number | undefined): void {
  if (startBytes === undefined || startBytes === session.offsetBytes) return;
  throw new RegistryError(
    "BLOB_UPLOAD_INVALID",
    `the chunk begins at byte ${startBytes}, the upload stands at byte ${session.offsetBytes}`,
    { status: 416, detail: { offsetBytes: session.offsetBytes } },
  );
}
