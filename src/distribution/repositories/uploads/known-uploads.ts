import { mkdirSync, statSync } from "node:fs";
import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../../../errors/disk-error.ts";
import type { DigestAlgorithm } from "../../../oci/digest.ts";
import { digestOf } from "../../../oci/hash-digest.ts";
import type { State } from "../../../state/state.ts";
import type { RepositoryName } from "../repository-name.ts";
import { type Claimant, PendingBytes } from "./pending-bytes.ts";
import { OwnHash, type RunningHash } from "./running-hash.ts";
import { type UnfinishedUpload, UnfinishedUploads } from "./unfinished-uploads.ts";
import { isIdle, requireOpen, type UploadSession, unknownUpload } from "./upload-session.ts";
import { UploadSessions } from "./upload-sessions.ts";

export interface KnownUploadsParts {
  readonly state: State;
  /** For unfinished blobs, on the content store's file system; made if it is missing. */
  readonly directory: string;
}

/** That of a UUID: what a file's name begins with. */
const ID_LENGTH = 36;

/** An upload to which nothing came for so long makes room for others, where there is none; one that only began is nobody's claim. */
const PAUSED_MS = 30_000;

/** Which uploads there are, and where each is: those that somebody sends, those that stand still, those that an earlier process left. */
export class KnownUploads {
  readonly #state: State;
  readonly #directory: string;
  /** What quotas count of them. */
  readonly pending = new PendingBytes();
  readonly #sessions = new UploadSessions();
  readonly #unfinished: UnfinishedUploads;

  constructor({ state, directory }: KnownUploadsParts) {
    this.#state = state;
    this.#directory = directory;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw diskError(`cannot make the folder for uploads ${directory}`, cause);
    }
    this.#unfinished = new UnfinishedUploads({ state, pending: this.pending }, ({ id, repository, algorithm }) => {
      const found = statSync(this.#path(id, repository, algorithm), { throwIfNoEntry: false });
      return found === undefined ? undefined : { sizeBytes: found.size, touchedMs: found.mtimeMs };
    });
  }

  /** An upload of which nothing has come. @param upload.user who begins it, for `isBegunBy` */
  begin(id: string, upload: Pick<UploadSession, "repository" | "algorithm" | "user">): void {
    this.#remember(id, { ...upload, sizeBytes: 0 }, new OwnHash(upload.algorithm));
  }

  /** The upload of a repository that may be gone on with. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  async require(repository: RepositoryName, id: string): Promise<UploadSession> {
    const session = this.#sessions.get(id) ?? (await this.#reopen(repository, id));
    if (session === undefined || session.repository !== repository) throw unknownUpload(repository, id);
    requireOpen(session);
    return session;
  }

  /** Notes how far an upload is. The first time before its first byte is written. @throws `exhausted` */
  note(session: UploadSession): void {
    const { id, repository, algorithm, offsetBytes: sizeBytes, user } = session;
    session.touchedMs = this.#state.now();
    this.#unfinished.note(id, { repository, algorithm, sizeBytes, touchedMs: session.touchedMs, user });
  }

  /** Its bytes are a blob now, or nothing: they count no more. In the transaction that is open, if one is; where that fails, to be called again. */
  endRow(id: string): void {
    this.#unfinished.forget(id);
  }

  /** Nobody goes on with it in this process; what is in its file can be taken up again. */
  forget(id: string): void {
    this.#sessions.forget(id);
  }

  /** Removes an upload and what came of it: nobody can go on with it. */
  async remove({ id, path }: UploadSession): Promise<void> {
    await unlink(path).catch(() => undefined);
    this.forget(id);
    this.endRow(id);
  }

  /** How many are known at this moment. */
  get count(): number {
    return this.#sessions.count;
  }

  /** The repositories that somebody is uploading to: what they send may have begun, or is still to come. */
  get repositories(): ReadonlySet<string> {
    return new Set([...this.#sessions.repositories(), ...this.pending.repositories()]);
  }

  /** True if a user is uploading to a repository: something of theirs has come, or they began a moment ago. */
  isBegunBy(user: string, repository: RepositoryName): boolean {
    const hasCome = this.#unfinished
      .in(repository)
      .values()
      .some((upload) => upload.user === user && upload.sizeBytes > 0);
    return hasCome || this.#sessions.isUsedBy(user, repository, this.#state.now() - PAUSED_MS);
  }

  /**
   * Gives up what nobody has sent for a while in a repository: a client that lost its connection begins anew more often than it goes on. Of a
   * request that still waits for its client, which may be gone without a word, only the room for what has not come.
   */
  giveUpPaused(repository: RepositoryName, except?: Claimant): void {
    const oldest = this.#state.now() - PAUSED_MS;
    for (const { id, touchedMs } of this.#sessions.in(repository)) {
      if (id !== except && touchedMs <= oldest) this.pending.endClaim(id);
    }
    for (const [id, { algorithm, touchedMs }] of this.#unfinished.in(repository)) {
      const session = this.#sessions.get(id);
      if (id === except || (session !== undefined && !isIdle(session))) continue;
      if ((session?.touchedMs ?? touchedMs) > oldest) continue;
      if (session !== undefined) session.isOver = true;
      this.#unfinished.forget(id);
      // Not before: it would be taken up again from its file.
      void unlink(this.#path(id, repository, algorithm))
        .catch(() => undefined)
        .finally(() => this.#sessions.forget(id));
    }
  }

  /** Removes uploads to which nothing came for so long; in a dry run none. @returns how many had bytes. */
  async sweep(idleMs: number, { isDryRun = false }: { readonly isDryRun?: boolean } = {}): Promise<number> {
    const oldest = this.#state.now() - idleMs;
    if (!isDryRun) this.#sessions.forgetIdle(oldest);
    let idle = 0;
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
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

  /** Takes up what an earlier process left, or what was not kept in memory. */
  async #reopen(repository: RepositoryName, id: string): Promise<UploadSession | undefined> {
    const known = this.#unfinished.get(id);
    if (known !== undefined) return this.#remember(id, known);
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    // Releases before this one kept no rows: the name alone says whose it is, to whoever knows.
    for (const algorithm of ["sha256", "sha512"] as const) {
      const found = await stat(this.#path(id, repository, algorithm)).catch(() => undefined);
      if (found === undefined) continue;
      // Somebody else may have been as quick.
      const session = this.#sessions.get(id);
      if (session !== undefined) return session;
      const touchedMs = this.#state.now();
      const upload = { repository, algorithm, sizeBytes: found.size, touchedMs, user: undefined };
      this.#unfinished.note(id, upload);
      return this.#remember(id, upload);
    }
    return undefined;
  }

  #remember(
    id: string,
    { repository, algorithm, sizeBytes, user }: Omit<UnfinishedUpload, "touchedMs">,
    hash?: RunningHash,
  ): UploadSession {
    const session: UploadSession = {
      id,
      repository,
      algorithm,
      path: this.#path(id, repository, algorithm),
      user,
      hash,
      offsetBytes: sizeBytes,
      touchedMs: this.#state.now(),
      isOver: false,
      writing: undefined,
    };
    this.#sessions.remember(session);
    return session;
  }

  /** The file's name binds it to its repository, so that the upload of one cannot be finished in another. */
  #path(id: string, repository: RepositoryName, algorithm: DigestAlgorithm): string {
    return join(this.#directory, `${id}.${algorithm}.${digestOf(repository).slice(7, 23)}`);
  }
}
