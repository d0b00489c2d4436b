import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestAlgorithm } from "../oci/digest.ts";
import { finishDigest } from "../oci/hash-digest.ts";
import { streamOf } from "../platform/stream-of.ts";
import type { State } from "../state/state.ts";
import type { BlobBody, BlobSpan, BlobStorage } from "./blob-storage.ts";
import { type Collected, collectGarbage } from "./collect-garbage.ts";
import { DigestLock } from "./digest-lock.ts";
import { diskError } from "./disk-error.ts";
import { FolderStorage } from "./folder-storage.ts";
import { ImageNames } from "./image-names.ts";
import { type ExpectedBlob, Ingest, type StoredBlob } from "./ingest.ts";
import { LayoutIndex, writeLayoutFile } from "./layout-index.ts";
import { Lease } from "./lease.ts";
import { type Finding, Quarantine } from "./quarantine.ts";
import { Reachability } from "./reachability.ts";
import { reconcileRows } from "./reconcile-rows.ts";
import type { BlobVerifier } from "./scrub/scrub-protocol.ts";
import { requireStorageKind } from "./storage-kind.ts";

export interface OpenContentOptions {
  /** `<root>/content`: made if it is missing. */
  readonly directory: string;
  readonly state: State;
  /**
   * Queries of one column, digests: what other rooms need beside images (the registry's repositories). Each of these and all below
   * it is kept by `collect`.
   */
  readonly roots?: readonly string[];
  /** Where the bytes lie. @default files in `directory` */
  readonly storage?: BlobStorage;
}

export interface IngestOptions {
  /** Checked by `commit`, and the size already while bytes come. */
  readonly expected?: ExpectedBlob;
  /** Protects the blob from collection from the moment it is stored. Without one, reference it before the next `collect`. */
  readonly lease?: Lease;
  /** Runs in the transaction that makes the blob known: what refers to it is there exactly if the blob is. Must not wait. */
  readonly also?: () => void;
}

/** A file that a Worker fills; see `ContentStore.adopt`. */
export interface ReservedFile extends AsyncDisposable {
  readonly path: string;
}

/**
 * Blobs by digest, and the graph of what refers to what. The database says what is there; bytes without a row are a leftover. Storing:
 * temporary file, hash, fsync, its place (a rename and an fsync of the folder, or an object in a bucket), row. Removing: row, commit, then
 * the bytes under the digest's lock (DESIGN 10).
 */
export class ContentStore implements AsyncDisposable {
  readonly names: ImageNames;
  readonly quarantine: Quarantine;
  readonly #directory: string;
  readonly #state: State;
  readonly #storage: BlobStorage;
  readonly #layout: LayoutIndex;
  readonly #locks = new DigestLock();
  readonly #leases = new Set<Lease>();
  readonly #reachability: Reachability;
  #reserved = 0;

  private constructor(options: OpenContentOptions, storage: BlobStorage) {
    this.#directory = options.directory;
    this.#state = options.state;
    this.#storage = storage;
    const { state, roots = [] } = options;
    this.#reachability = new Reachability({ state, roots, leases: this.#leases });
    this.#layout = new LayoutIndex(
      options.directory,
      () => this.names.list(),
      (digest) => this.stat(digest)?.sizeBytes,
    );
    const path = (digest: Digest): string => this.path(digest);
    this.quarantine = new Quarantine({ directory: join(options.directory, "quarantine"), state, path });
    this.names = new ImageNames(options.state, () => this.#layout.schedule());
  }

  /** Opens the store, made as needed, and sweeps what a killed process left: unfinished files, files without rows, rows without files. */
  static open(options: OpenContentOptions): ContentStore {
    const { directory, state } = options;
    if (options.storage === undefined) requireStorageKind(state, "files");
    try {
      rmSync(join(directory, "ingest"), { recursive: true, force: true });
      mkdirSync(join(directory, "ingest"), { recursive: true, mode: 0o700 });
      const store = new ContentStore(options, options.storage ?? openFolder(directory, state));
      writeLayoutFile(directory);
      store.#layout.schedule();
      return store;
    } catch (cause) {
      throw diskError(`cannot open the content store ${directory}`, cause);
    }
  }

  /** True if the blob is stored. */
  has(digest: Digest): boolean {
    return this.stat(digest) !== undefined;
  }

  stat(digest: Digest): { readonly sizeBytes: number } | undefined {
    const row = this.#state.db
      .query<{ size_bytes: number }, [string]>("SELECT size_bytes FROM blobs WHERE digest = ?")
      .get(digest);
    return row === null ? undefined : { sizeBytes: row.size_bytes };
  }

  /** Where the blob is, or would be. Not to be written to. @throws `unsupported` if blobs are no files here */
  path(digest: Digest): string {
    return this.#storage.path(digest);
  }

  /**
   * Bytes of a blob as the body of a response, not verified: whoever asked for the whole compares.
   *
   * @throws `not-found`, `data-loss`, `unavailable`
   */
  async body(digest: Digest, span: BlobSpan): Promise<BlobBody> {
    return await this.#storage.body(this.#require(digest), span);
  }

  /** True if bodies are made while they are sent, and not files. */
  get streamsBodies(): boolean {
    return this.#storage.streamsBodies;
  }

  /** Where clients are to get a blob, if not from here. */
  async redirect(digest: Digest): Promise<string | undefined> {
    return await this.#storage.redirect(digest);
  }

  /** What compares blobs with their digests. */
  openVerifier(): BlobVerifier {
    return this.#storage.openVerifier();
  }

  #require(digest: Digest): StoredBlob {
    const sizeBytes = this.stat(digest)?.sizeBytes;
    if (sizeBytes === undefined) throw new GantryError("not-found", `the store has no ${digest}`);
    return { digest, sizeBytes };
  }

  /**
   * Reads a blob. The stream fails with `data-loss` at its end if the bytes do not hash to `digest`; who stops early has
   * verified nothing. Fails with `not-found` if the store does not have it.
   */
  open(digest: Digest): ReadableStream<Uint8Array> {
    return streamOf(this.#readVerified(digest));
  }

  /**
   * All bytes of a blob, verified.
   *
   * @throws `not-found`; `data-loss` if the file is damaged; `exhausted` if it is longer than `maxBytes`.
   */
  async read(digest: Digest, options: { readonly maxBytes: number }): Promise<Uint8Array> {
    const sizeBytes = this.stat(digest)?.sizeBytes ?? 0;
    if (sizeBytes > options.maxBytes) {
      throw new GantryError("exhausted", `${digest} has ${sizeBytes} bytes, more than ${options.maxBytes}`);
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#readVerified(digest)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async *#readVerified(digest: Digest): AsyncGenerator<Uint8Array, undefined> {
    const blob = this.#require(digest);
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    for await (const chunk of this.#storage.read(blob)) {
      hash.update(chunk);
      yield chunk;
    }
    const actual = finishDigest(hash, algorithm);
    if (actual !== digest) throw new GantryError("data-loss", `${digest} is damaged: its bytes hash to ${actual}`);
    return undefined;
  }

  /** Begins to store a blob. */
  async ingest(options: IngestOptions = {}): Promise<Ingest> {
    const { path } = this.reserve();
    try {
      const file = await open(path, "wx", 0o600);
      const store = (from: string, blob: StoredBlob): Promise<void> => this.#place(from, blob, options);
      return new Ingest({ file, path, expected: options.expected ?? {}, store });
    } catch (cause) {
      throw diskError("cannot begin to store a blob", cause);
    }
  }

  /** Stores bytes that are in memory. */
  async put(bytes: Uint8Array | string, options: IngestOptions = {}): Promise<StoredBlob> {
    await using ingest = await this.ingest(options);
    await ingest.write(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    return await ingest.commit();
  }

  /** A place for a file that someone else (a Worker) writes, syncs and hashes, for `adopt`. Disposing removes what is left there. */
  reserve(): ReservedFile {
    this.#reserved += 1;
    const path = join(this.#directory, "ingest", String(this.#reserved));
    return { path, [Symbol.asyncDispose]: () => unlink(path).catch(() => undefined) };
  }

  /** Takes a reserved file as the blob that it was hashed to be. The caller vouches for digest, size and fsync. */
  async adopt(
    file: Pick<ReservedFile, "path">,
    blob: StoredBlob,
    options: Pick<IngestOptions, "lease" | "also"> = {},
  ): Promise<void> {
    await this.#place(file.path, blob, options);
  }

  async #place(path: string, blob: StoredBlob, options: Pick<IngestOptions, "lease" | "also">): Promise<void> {
    options.lease?.protect(blob.digest);
    await this.#locks.run(blob.digest, async () => {
      try {
        if (this.has(blob.digest) && (await this.#storage.holds(blob))) await unlink(path);
        else await this.#storage.take(path, blob);
      } catch (cause) {
        throw diskError(`cannot store ${blob.digest}`, cause);
      }
      await this.#record(blob, options.also);
    });
  }

  /** Makes a blob known whose bytes are in their place. On failure they go, unless it was known before. */
  async #record(blob: StoredBlob, also: (() => void) | undefined): Promise<void> {
    try {
      await this.#state.transactionTogether(() => {
        // Even if it was there: a collection may have dropped its row meanwhile, and leaves the bytes to whoever has a row.
        this.#state.db.run("INSERT OR IGNORE INTO blobs (digest, size_bytes, created_ms) VALUES (?, ?, ?)", [
          blob.digest,
          blob.sizeBytes,
          this.#state.now(),
        ]);
        also?.();
      });
    } catch (cause) {
      if (!this.has(blob.digest)) await this.#storage.remove(blob.digest).catch(() => undefined);
      throw cause;
    }
  }

  /** Records that `parent` needs `children`, whether or not they are stored: children live as long as the parent does. Idempotent. */
  addReferences(parent: Digest, children: Iterable<Digest>): void {
    this.#state.transaction(() => {
      for (const child of children) {
        this.#state.db.run("INSERT OR IGNORE INTO blob_edges (parent, child) VALUES (?, ?)", [parent, child]);
      }
    });
  }

  /** What `parent` refers to directly. */
  references(parent: Digest): readonly Digest[] {
    return this.#state.db
      .query<{ child: string }, [string]>("SELECT child FROM blob_edges WHERE parent = ? ORDER BY child")
      .all(parent)
      .map((row) => row.child as Digest);
  }

  /** Keeps a digest and all below it for an owner (`container:ID`), names or not, until `release`. Idempotent, durable. */
  hold(owner: string, digest: Digest): void {
    this.#state.db.run("INSERT OR IGNORE INTO content_holds (owner, digest) VALUES (?, ?)", [owner, digest]);
  }

  /** Ends all holds of an owner. Idempotent. */
  release(owner: string): void {
    this.#state.db.run("DELETE FROM content_holds WHERE owner = ?", [owner]);
  }

  /** Digests that have holds. */
  held(): readonly Digest[] {
    return this.#state.db
      .query<{ digest: string }, []>("SELECT DISTINCT digest FROM content_holds")
      .all()
      .map((row) => row.digest as Digest);
  }

  /** The names of images that need the digest. */
  namesAbove(digest: Digest): readonly string[] {
    return this.#reachability.namesAbove(digest);
  }

  /** Protects what is being made, until disposed. */
  lease(): Lease {
    const lease = new Lease((ended) => this.#leases.delete(ended));
    this.#leases.add(lease);
    return lease;
  }

  /** Everything that a name, a hold or a lease reaches: what images need. */
  live(): ReadonlySet<Digest> {
    const rows = this.#state.db
      .query<{ digest: string }, [string]>(
        `WITH RECURSIVE live (digest) AS (
           SELECT digest FROM image_names
           UNION SELECT digest FROM content_holds
           UNION SELECT value FROM json_each(?)
           UNION SELECT child FROM blob_edges JOIN live ON parent = digest
         ) SELECT digest FROM live`,
      )
      .all(JSON.stringify([...this.#leases].flatMap((lease) => [...lease.digests])));
    return new Set(rows.map((row) => row.digest as Digest));
  }

  /**
   * Takes a blob that is damaged out of the store: it is not found any more, until it is stored again.
   *
   * @param inspect looks at the file while nobody else stores or removes it; what it finds wrong, or undefined.
   * @returns what was wrong; undefined if nothing was, or the store does not have it
   */
  async quarantineIf(digest: Digest, inspect: () => Promise<Finding | undefined>): Promise<Finding | undefined> {
    return await this.#locks.run(digest, async () => {
      const sizeBytes = this.stat(digest)?.sizeBytes;
      const found = sizeBytes === undefined ? undefined : await inspect();
      if (sizeBytes !== undefined && found !== undefined) this.quarantine.take({ ...found, digest, sizeBytes });
      return found;
    });
  }

  /**
   * Removes what nothing reaches, in steps that keep nobody waiting. Safe while everything else runs.
   *
   * @param options.isDryRun say what would go, and leave it. @default false
   */
  async collect(options: { readonly isDryRun?: boolean } = {}): Promise<Collected> {
    return await collectGarbage({
      ...options,
      state: this.#state,
      reachability: this.#reachability,
      removeFile: (digest) => this.#removeBytes(digest),
    });
  }

  /** What cannot be removed now is left over: whatever compares the storage with the rows removes it later. */
  async #removeBytes(digest: Digest): Promise<void> {
    await this.#locks.run(digest, async () => {
      // It may have been stored again since.
      if (!this.has(digest)) await this.#storage.remove(digest).catch(() => undefined);
    });
  }

  /**
   * Compares a storage that cannot be swept at the start with the rows: removes what has no row, and rows whose bytes are gone. Safe while
   * everything else runs.
   *
   * @throws `unavailable`; what was compared by then is done
   */
  async reconcile(signal?: AbortSignal): Promise<void> {
    const pages = this.#storage.list();
    if (pages === undefined) return;
    await reconcileRows({
      state: this.#state,
      pages,
      removeBytes: (digest) => this.#removeBytes(digest),
      removeRow: (blob) =>
        this.#locks.run(blob.digest, async () => {
          if (await this.#storage.holds(blob)) return;
          this.#state.transaction(() => this.#state.db.run("DELETE FROM blobs WHERE digest = ?", [blob.digest]));
        }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Writes `index.json` if it is behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#layout.flush();
  }
}

/** Files, and rows, that a killed process left alone are gone. */
function openFolder(directory: string, state: State): FolderStorage {
  const folder = new FolderStorage(join(directory, "blobs"));
  const rows = state.db.query<{ digest: Digest }, []>("SELECT digest FROM blobs").all();
  const missing = folder.sweep(rows.map(({ digest }) => digest));
  state.transaction(() => {
    for (const digest of missing) state.db.run("DELETE FROM blobs WHERE digest = ?", [digest]);
  });
  return folder;
}
