import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../errors/disk-error.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestAlgorithm } from "../oci/digest.ts";
import { finishDigest } from "../oci/hash-digest.ts";
import { streamOf } from "../platform/stream-of.ts";
import type { State } from "../state/state.ts";
import { BlobRecords } from "./blob-records.ts";
import type { BlobBody, BlobSpan, BlobStorage } from "./blob-storage.ts";
import { type Collected, collectGarbage } from "./collect-garbage.ts";
import { ImageNames } from "./image-names.ts";
import { type ExpectedBlob, Ingest, type StoredBlob } from "./ingest.ts";
import { LayoutIndex, writeLayoutFile } from "./layout-index.ts";
import type { Lease } from "./lease.ts";
import { openFolderStorage } from "./open-folder-storage.ts";
import { type Finding, Quarantine } from "./quarantine.ts";
import { Reachability } from "./reachability.ts";
import { reconcileRows } from "./reconcile-rows.ts";
import { ReferenceGraph } from "./reference-graph.ts";
import { RememberedBytes } from "./remembered-bytes.ts";
import type { BlobVerifier } from "./scrub/scrub-protocol.ts";

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
 * Blobs by digest, beside the graph of what refers to what (`graph`) and what is kept by it (`reachability`). The database says what is there
 * (`BlobRecords`); bytes without a row are a leftover. A blob lands by temporary file, hash, fsync, its place (a rename and an fsync of the folder,
 * or an object in a bucket), row.
 */
export class ContentStore implements AsyncDisposable {
  readonly names: ImageNames;
  readonly graph: ReferenceGraph;
  /** What keeps a blob from collection. */
  readonly reachability: Reachability;
  readonly quarantine: Quarantine;
  readonly #directory: string;
  readonly #state: State;
  readonly #storage: BlobStorage;
  readonly #records: BlobRecords;
  readonly #layout: LayoutIndex;
  readonly #remembered: RememberedBytes;
  #reserved = 0;

  private constructor({ directory, state, roots = [] }: OpenContentOptions, storage: BlobStorage) {
    this.#directory = directory;
    this.#state = state;
    this.#storage = storage;
    this.#records = new BlobRecords(state, storage);
    this.graph = new ReferenceGraph(state);
    this.reachability = new Reachability({ state, roots, leases: this.graph.leases });
    this.#remembered = new RememberedBytes(storage.rememberedBytesMax);
    this.#layout = new LayoutIndex(
      directory,
      () => this.names.list(),
      (digest) => this.stat(digest)?.sizeBytes,
    );
    const path = (digest: Digest): string => this.path(digest);
    this.quarantine = new Quarantine({ directory: join(directory, "quarantine"), state, path });
    this.names = new ImageNames(state, () => this.#layout.schedule());
  }

  /** Opens the store, made as needed, and sweeps what a killed process left: unfinished files, files without rows, rows without files. */
  static open(options: OpenContentOptions): ContentStore {
    const { directory, state } = options;
    try {
      rmSync(join(directory, "ingest"), { recursive: true, force: true });
      mkdirSync(join(directory, "ingest"), { recursive: true, mode: 0o700 });
      const store = new ContentStore(options, options.storage ?? openFolderStorage(directory, state));
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
    return this.#records.stat(digest);
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

  /** Where clients are to get a blob, if not from here. */
  async redirect(digest: Digest): Promise<string | undefined> {
    return await this.#storage.redirect(digest);
  }

  /** @throws `unavailable` while blobs can be neither had nor stored, with the reason */
  async requireReady(): Promise<void> {
    await this.#storage.requireReady();
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
   * All bytes of a blob, verified. Not to be changed: others are given the same.
   *
   * @throws `not-found`; `data-loss` if the file is damaged; `exhausted` if it is longer than `maxBytes`.
   */
  async read(digest: Digest, options: { readonly maxBytes: number }): Promise<Uint8Array> {
    const { sizeBytes } = this.#require(digest);
    if (sizeBytes > options.maxBytes) {
      throw new GantryError("exhausted", `${digest} has ${sizeBytes} bytes, more than ${options.maxBytes}`);
    }
    return await this.#remembered.get(digest, async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of this.#readVerified(digest)) chunks.push(chunk);
      return Buffer.concat(chunks);
    });
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
      const store = (from: string, blob: StoredBlob): Promise<void> => this.#store(from, blob, options);
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
    await this.#store(file.path, blob, options);
  }

  async #store(path: string, blob: StoredBlob, options: Pick<IngestOptions, "lease" | "also">): Promise<void> {
    options.lease?.protect(blob.digest);
    await this.#records.store(path, blob, options.also);
  }

  /**
   * Takes a blob that is damaged out of the store: it is not found any more, until it is stored again.
   *
   * @param inspect looks at the file while nobody else stores or removes it; what it finds wrong, or undefined.
   * @returns what was wrong; undefined if nothing was, or the store does not have it
   */
  async quarantineIf(digest: Digest, inspect: () => Promise<Finding | undefined>): Promise<Finding | undefined> {
    return await this.#records.runAlone(digest, async (blob) => {
      const found = blob === undefined ? undefined : await inspect();
      if (blob !== undefined && found !== undefined) this.quarantine.take({ ...found, ...blob });
      return found;
    });
  }

  /**
   * Removes what nothing keeps (`reachability`), in steps that keep nobody waiting. Safe while everything else runs.
   *
   * @param options.isDryRun say what would go, and leave it. @default false
   */
  async collect(options: { readonly isDryRun?: boolean } = {}): Promise<Collected> {
    return await collectGarbage({
      ...options,
      state: this.#state,
      reachability: this.reachability,
      removeFile: (digest) => this.#records.removeBytes(digest),
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
    await this.#storage.removeUnfinished();
    await reconcileRows({
      state: this.#state,
      pages,
      removeBytes: (digest) => this.#records.removeBytes(digest),
      removeRow: (blob) => this.#records.removeRow(blob),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Writes `index.json` if it is behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#layout.flush();
  }
}
