import { mkdirSync, statSync } from "node:fs";
import { type FileHandle, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { ContentStore } from "../../content/content-store.ts";
import type { StoredBlob } from "../../content/ingest.ts";
import { diskError } from "../../errors/disk-error.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { type BodyPlace, receiverOf } from "../../platform/body-receiver.ts";
import type { State } from "../../state/state.ts";
import { readUntilAborted } from "./read-until-aborted.ts";
import { RegistryError } from "./registry-error.ts";
import type { RepositoryBlobs } from "./repository-blobs.ts";
import type { RepositoryName } from "./repository-name.ts";
import { OwnHash } from "./running-hash.ts";
import { type UnfinishedUpload, UnfinishedUploads } from "./unfinished-uploads.ts";
import {
  digestOfSession,
  isIdle,
  openForWriting,
  requireContinuation,
  requireOpen,
  type UploadSession,
  unknownUpload,
  writeAndHash,
} from "./upload-session.ts";
import { UploadSessions } from "./upload-sessions.ts";
import { UploadThreads } from "./upload-thread/upload-threads.ts";

export interface UploadsParts {
  readonly state: State;
  /** For unfinished blobs, on the content store's file system; made if it is missing. */
  readonly directory: string;
  readonly content: ContentStore;
  readonly blobs: RepositoryBlobs;
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

/** That of a UUID: what a file's name begins with. */
const ID_LENGTH = 36;

/** What begins with so much at once is hashed in a thread of its own: with less that costs more than it saves. */
const THREAD_BYTES = 1 << 16;

/** An upload to which nothing came for so long makes room for others, where there is none; one that only began is nobody's claim. */
const PAUSED_MS = 30_000;

/**
 * Blobs on their way into repositories, over several requests. What came is kept over a broken connection and a killed process; a
 * client that asks where it stands can go on.
 */
export class Uploads implements AsyncDisposable {
  readonly #parts: UploadsParts;
  readonly #threads = new UploadThreads();
  readonly #sessions = new UploadSessions();
  readonly #unfinished: UnfinishedUploads;

  constructor(parts: UploadsParts) {
    this.#parts = parts;
    try {
      mkdirSync(parts.directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw diskError(`cannot make the folder for uploads ${parts.directory}`, cause);
    }
    this.#unfinished = new UnfinishedUploads(parts.state, ({ id, repository, algorithm }) => {
      const found = statSync(this.#path(id, repository, algorithm), { throwIfNoEntry: false });
      return found === undefined ? undefined : { sizeBytes: found.size, touchedMs: found.mtimeMs };
    });
  }

  /**
   * Begins an upload and names it. Nothing is on disk before its first byte.
   *
   * @param user who begins it, for `isBegunBy`
   */
  begin(repository: RepositoryName, algorithm: DigestAlgorithm = "sha256", user?: string): string {
    const id = this.#parts.randomId();
    this.#sessions.remember({
      id,
      repository,
      algorithm,
      path: this.#path(id, repository, algorithm),
      user,
      hash: new OwnHash(algorithm),
      offsetBytes: 0,
      touchedMs: this.#parts.state.now(),
      isOver: false,
      writing: undefined,
    });
    return id;
  }

  /** How many are known at this moment. */
  get count(): number {
    return this.#sessions.count;
  }

  /** The repositories that somebody is uploading to: what they send may have begun, or is still to come. */
  get repositories(): ReadonlySet<string> {
    return new Set([...this.#sessions.repositories(), ...this.#unfinished.repositories()]);
  }

  /** True if a user is uploading to a repository: something of theirs has come, or they began a moment ago. */
  isBegunBy(user: string, repository: RepositoryName): boolean {
    const hasCome = this.#unfinished.in(repository).some(([, upload]) => upload.user === user);
    return hasCome || this.#sessions.isUsedBy(user, repository, this.#parts.state.now() - PAUSED_MS);
  }

  /**
   * What has come of uploads that are not finished, in repositories that `matches` says yes to; also of those that an earlier process left.
   *
   * @param except leaves one out
   */
  pendingBytes(matches: (repository: string) => boolean, except?: string): number {
    let bytes = 0;
    for (const [repository, some] of this.#unfinished.bytesOfRepositories) if (matches(repository)) bytes += some;
    const left = except === undefined ? undefined : this.#unfinished.get(except);
    return left !== undefined && matches(left.repository) ? bytes - left.sizeBytes : bytes;
  }

  /** Gives up what nobody has sent for a while in a repository: a client that lost its connection begins anew more often than it goes on. */
  giveUpPaused(repository: RepositoryName, except: string): void {
    for (const [id, { algorithm, touchedMs }] of this.#unfinished.in(repository)) {
      const session = this.#sessions.get(id);
      if (id === except || (session !== undefined && !isIdle(session))) continue;
      if ((session?.touchedMs ?? touchedMs) > this.#parts.state.now() - PAUSED_MS) continue;
      if (session !== undefined) session.isOver = true;
      this.#unfinished.forget(id);
      // Not before: it would be taken up again from its file.
      void unlink(this.#path(id, repository, algorithm))
        .catch(() => undefined)
        .finally(() => this.#sessions.forget(id));
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
    requireOpen(session);
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
        await this.#remove(session);
      }
      throw error;
    } finally {
      session.touchedMs = this.#parts.state.now();
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
    const receiver = body === undefined ? undefined : receiverOf(body);
    let file: FileHandle | undefined;
    try {
      for await (const chunk of body === undefined ? [] : readUntilAborted(body, options.signal)) {
        options.admit?.(session.offsetBytes + chunk.byteLength);
        const opened = file ?? (await openForWriting(session.path));
        file = opened;
        this.#note(session);
        if (session.offsetBytes === 0 && chunk.byteLength >= THREAD_BYTES) {
          session.hash = this.#threads.begin(session.algorithm);
        }
        const write = (place?: BodyPlace): Promise<void> => writeAndHash(session, opened, chunk, place);
        await (receiver === undefined ? write() : receiver.take(write));
        this.#note(session);
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
    requireOpen(session);
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
          this.#unfinished.forget(id);
          this.#parts.blobs.link(repository, digest);
          options.also?.(blob);
        },
      });
      return blob;
    } catch (cause) {
      if (!isGantryError(cause, "unavailable")) await this.#remove(session);
      throw diskError(`cannot store ${digest}`, cause);
    } finally {
      // Not before: it would be taken up again from its file.
      this.#sessions.forget(id);
    }
  }

  /** Gives an upload up, and what came of it. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const session = await this.#session(repository, id);
    requireOpen(session);
    session.isOver = true;
    session.writing?.abort.abort();
    await session.writing?.done;
    await this.#remove(session);
  }

  /** Removes uploads to which nothing came for so long; in a dry run none. @returns how many had bytes. */
  async sweep(idleMs: number, { isDryRun = false }: { readonly isDryRun?: boolean } = {}): Promise<number> {
    const oldest = this.#parts.state.now() - idleMs;
    if (!isDryRun) this.#sessions.forgetIdle(oldest);
    let idle = 0;
    for (const name of await readdir(this.#parts.directory)) {
      const path = join(this.#parts.directory, name);
      const found = await stat(path).catch(() => undefined);
      const id = name.slice(0, ID_LENGTH);
      if (found === undefined || this.#sessions.isUsed(id, oldest) || found.mtimeMs >= oldest) continue;
      idle += 1;
      if (isDryRun) continue;
      this.#unfinished.forget(id);
      await unlink(path).catch(() => undefined);
    }
    return idle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }

  async #session(repository: RepositoryName, id: string): Promise<UploadSession> {
    const session = this.#sessions.get(id) ?? (await this.#reopen(repository, id));
    if (session === undefined || session.repository !== repository) throw unknownUpload(repository, id);
    requireOpen(session);
    return session;
  }

  /** Takes up what an earlier process left, or what was not kept in memory. */
  async #reopen(repository: RepositoryName, id: string): Promise<UploadSession | undefined> {
    const known = this.#unfinished.get(id);
    if (known !== undefined) return this.#resume(id, known);
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    // Releases before this one kept no rows: the name alone says whose it is, to whoever knows.
    for (const algorithm of ["sha256", "sha512"] as const) {
      const found = await stat(this.#path(id, repository, algorithm)).catch(() => undefined);
      if (found === undefined) continue;
      // Somebody else may have been as quick.
      const session = this.#sessions.get(id);
      if (session !== undefined) return session;
      const touchedMs = this.#parts.state.now();
      const upload = { repository, algorithm, sizeBytes: found.size, touchedMs, user: undefined };
      this.#unfinished.note(id, upload);
      return this.#resume(id, upload);
    }
    return undefined;
  }

  #resume(id: string, { repository, algorithm, sizeBytes, user }: UnfinishedUpload): UploadSession {
    const session: UploadSession = {
      id,
      repository,
      algorithm,
      path: this.#path(id, repository, algorithm),
      user,
      hash: undefined,
      offsetBytes: sizeBytes,
      touchedMs: this.#parts.state.now(),
      isOver: false,
      writing: undefined,
    };
    this.#sessions.remember(session);
    return session;
  }

  #note({ id, repository, algorithm, offsetBytes, user }: UploadSession): void {
    this.#unfinished.note(id, {
      repository,
      algorithm,
      sizeBytes: offsetBytes,
      touchedMs: this.#parts.state.now(),
      user,
    });
  }

  /** Nobody can go on with it. */
  async #remove({ id, path }: UploadSession): Promise<void> {
    await unlink(path).catch(() => undefined);
    this.#sessions.forget(id);
    this.#unfinished.forget(id);
  }

  /** The file's name binds it to its repository, so that the upload of one cannot be finished in another. */
  #path(id: string, repository: RepositoryName, algorithm: DigestAlgorithm): string {
    return join(this.#parts.directory, `${id}.${algorithm}.${digestOf(repository).slice(7, 23)}`);
  }
}

function isDiskFull(error: unknown): boolean {
  return isGantryError(error, "exhausted") && !(error instanceof RegistryError);
}
