import type { FileHandle } from "node:fs/promises";
import type { ContentStore } from "../../../content/content-store.ts";
import type { StoredBlob } from "../../../content/ingest.ts";
import { diskError } from "../../../errors/disk-error.ts";
import { isGantryError } from "../../../errors/gantry-error.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm } from "../../../oci/digest.ts";
import { type BodyPlace, receiverOf } from "../../../platform/http/body-receiver.ts";
import { RegistryError } from "../registry-error.ts";
import type { RepositoryBlobs } from "../repository-blobs.ts";
import type { RepositoryName } from "../repository-name.ts";
import { KnownUploads, type KnownUploadsParts } from "./known-uploads.ts";
import { readUntilAborted } from "./read-until-aborted.ts";
import {
  digestOfSession,
  openForWriting,
  requireContinuation,
  requireOpen,
  type UploadSession,
  writeAndHash,
} from "./upload-session.ts";
import { UploadThreads } from "./upload-thread/upload-threads.ts";

export interface UploadsParts extends KnownUploadsParts {
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
  /** How long the body says that it is: room is asked for the whole before any of it is read. @default as it comes */
  readonly lengthBytes?: number;
  /**
   * Asked before anything is written whether the blob may have this size; what it throws ends the request.
   *
   * @returns what size it may have without being asked again, if nobody else needs the room. That counts as pending until the request ends.
   * @default a blob may have any size
   */
  readonly admit?: (sizeBytes: number) => number;
}

/** What begins with so much at once, or says that it is long, is hashed in a thread of its own: with less that costs more than it saves. */
const THREAD_BYTES = 1 << 16;

/**
 * Blobs on their way into repositories, over several requests. What came is kept over a broken connection and a killed process; a
 * client that asks where it stands can go on.
 */
export class Uploads implements AsyncDisposable {
  readonly #parts: UploadsParts;
  /** Which there are. */
  readonly known: KnownUploads;
  readonly #threads = new UploadThreads();

  constructor(parts: UploadsParts) {
    this.#parts = parts;
    this.known = new KnownUploads(parts);
  }

  /**
   * Begins an upload and names it. Nothing is on disk before its first byte.
   *
   * @param user who begins it
   */
  begin(repository: RepositoryName, algorithm: DigestAlgorithm = "sha256", user?: string): string {
    const id = this.#parts.randomId();
    this.known.begin(id, { repository, algorithm, user });
    return id;
  }

  /** How many bytes have come. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async offset(repository: RepositoryName, id: string): Promise<number> {
    return (await this.known.require(repository, id)).offsetBytes;
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
    const session = await this.known.require(repository, id);
    while (session.writing !== undefined) {
      session.writing.abort.abort();
      await session.writing.done;
    }
    requireOpen(session);
    const finished = Promise.withResolvers<void>();
    const abort = new AbortController();
    session.writing = { abort, done: finished.promise };
    session.touchedMs = this.#parts.state.now();
    try {
      requireContinuation(session, options.startBytes);
      await this.#write(session, body, { ...options, signal: abort.signal });
      return session.offsetBytes;
    } catch (error) {
      if (isDiskFull(error)) {
        session.isOver = true;
        await this.known.remove(session);
      }
      throw error;
    } finally {
      this.known.pending.endClaim(id);
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
    const { lengthBytes = 0 } = options;
    if (lengthBytes > 0) this.#admit(session, start + lengthBytes, options);
    let file: FileHandle | undefined;
    try {
      for await (const chunk of body === undefined ? [] : readUntilAborted(body, options.signal)) {
        // The whole again, which may be nobody's any more, for more than the chunk may come with it.
        this.#admit(session, Math.max(session.offsetBytes + chunk.byteLength, start + lengthBytes), options);
        const opened = file ?? (await openForWriting(session.path));
        file = opened;
        this.known.note(session);
        if (session.offsetBytes === 0 && (receiver !== undefined || chunk.byteLength >= THREAD_BYTES)) {
          session.hash = this.#threads.begin(session.algorithm);
        }
        const write = (place?: BodyPlace): Promise<void> => writeAndHash(session, opened, chunk, place);
        await (receiver === undefined ? write() : receiver.take(write));
        this.known.note(session);
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

  #admit({ id, repository }: UploadSession, neededBytes: number, { admit }: AppendOptions): void {
    const { pending } = this.known;
    if (admit === undefined || pending.use(id, neededBytes)) return;
    pending.claim(id, repository, { bytes: admit(neededBytes), neededBytes });
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
    const session = await this.known.require(repository, id);
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
          this.known.endRow(id);
          this.#parts.blobs.link(repository, digest);
          options.also?.(blob);
        },
      });
      return blob;
    } catch (cause) {
      if (!isGantryError(cause, "unavailable")) await this.known.remove(session);
      throw diskError(`cannot store ${digest}`, cause);
    } finally {
      // Not before: it would be taken up again from its file.
      this.known.forget(id);
    }
  }

  /** Gives an upload up, and what came of it. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const session = await this.known.require(repository, id);
    requireOpen(session);
    session.isOver = true;
    session.writing?.abort.abort();
    await session.writing?.done;
    await this.known.remove(session);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }
}

function isDiskFull(error: unknown): boolean {
  return isGantryError(error, "exhausted") && !(error instanceof RegistryError);
}
