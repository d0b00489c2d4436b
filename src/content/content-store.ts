import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { open, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import { finishDigest } from "../oci/hash-digest.ts";
import type { State } from "../state/state.ts";
import { type Collected, collectGarbage } from "./collect-garbage.ts";
import { DigestLock } from "./digest-lock.ts";
import { diskError } from "./disk-error.ts";
import { ImageNames } from "./image-names.ts";
import { type ExpectedBlob, Ingest, type StoredBlob } from "./ingest.ts";
import { LayoutIndex, writeLayoutFile } from "./layout-index.ts";
import { Lease } from "./lease.ts";
import { type Finding, Quarantine } from "./quarantine.ts";
import { Reachability } from "./reachability.ts";

export interface OpenContentOptions {
  /** `<root>/content`: made if it is missing. */
  readonly directory: string;
  readonly state: State;
  /**
   * Queries of one column, digests: what other rooms need beside images (the registry's repositories). Each of these and all below
   * it is kept by `collect`.
   */
  readonly roots?: readonly string[];
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

const ALGORITHMS = ["sha256", "sha512"] as const;
const READ_BYTES = 1 << 18;

function syncDirectoryNow(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

/**
 * Blobs by digest, in an OCI image layout, and the graph of what refers to what. The database says what is there; a file
 * without a row is a leftover. Storing: temporary file, hash, fsync, rename, fsync of the folder, row. Removing: row,
 * commit, then unlink under the digest's lock (DESIGN 10).
 */
export class ContentStore implements AsyncDisposable {
  readonly names: ImageNames;
  readonly quarantine: Quarantine;
  readonly #directory: string;
  readonly #state: State;
  readonly #layout: LayoutIndex;
  readonly #locks = new DigestLock();
  readonly #leases = new Set<Lease>();
  readonly #reachability: Reachability;
  #reserved = 0;

  private constructor(options: OpenContentOptions) {
    this.#directory = options.directory;
    this.#state = options.state;
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
    const { directory } = options;
    try {
      rmSync(join(directory, "ingest"), { recursive: true, force: true });
      mkdirSync(join(directory, "ingest"), { recursive: true, mode: 0o700 });
      const made = ALGORITHMS.map((name) => mkdirSync(join(directory, "blobs", name), { recursive: true }));
      // What is put there later lasts only if they do; the database's name beside them as well.
      const folders = made.some((path) => path !== undefined)
        ? [join(directory, "blobs"), directory, dirname(directory)]
        : [];
      for (const folder of folders) syncDirectoryNow(folder);
      writeLayoutFile(directory);
    } catch (cause) {
      throw diskError(`cannot open the content store ${directory}`, cause);
    }
    const store = new ContentStore(options);
    store.#sweep();
    store.#layout.schedule();
    return store;
  }

  #sweep(): void {
    const rows = new Set(
      this.#state.db
        .query<{ digest: string }, []>("SELECT digest FROM blobs")
        .all()
        .map((row) => row.digest),
    );
    for (const algorithm of ALGORITHMS) {
      for (const file of readdirSync(join(this.#directory, "blobs", algorithm))) {
        if (!rows.delete(`${algorithm}:${file}`))
          rmSync(join(this.#directory, "blobs", algorithm, file), { force: true });
      }
    }
    this.#state.transaction(() => {
      for (const missing of rows) this.#state.db.run("DELETE FROM blobs WHERE digest = ?", [missing]);
    });
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

  /** Where the blob is, or would be. Not to be written to. */
  path(digest: Digest): string {
    return join(this.#directory, "blobs", digestAlgorithm(digest), digestHex(digest));
  }

  /**
   * Reads a blob. The stream fails with `data-loss` at its end if the bytes do not hash to `digest`; who stops early has
   * verified nothing. Fails with `not-found` if the store does not have it.
   */
  open(digest: Digest): ReadableStream<Uint8Array> {
    const chunks = this.#readVerified(digest);
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await chunks.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        cancel: async () => {
          await chunks.return(undefined);
        },
      },
      { highWaterMark: 0 },
    );
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
    if (!this.has(digest)) throw new GantryError("not-found", `the store has no ${digest}`);
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(this.path(digest), "r");
    } catch (cause) {
      throw new GantryError("data-loss", `${digest} is missing from the store`, { cause });
    }
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        hash.update(chunk);
        yield chunk;
      }
    } finally {
      await file.close();
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
        const isStored =
          this.has(blob.digest) && (await stat(this.path(blob.digest)).catch(() => undefined)) !== undefined;
        if (isStored) {
          await unlink(path);
        } else {
          await rename(path, this.path(blob.digest));
          await syncDirectory(join(this.#directory, "blobs", digestAlgorithm(blob.digest)));
        }
      } catch (cause) {
        throw diskError(`cannot store ${blob.digest}`, cause);
      }
      this.#record(blob, options.also);
    });
  }

  /** Makes a blob known whose file is in its place. On failure the file goes, unless it was known before. */
  #record(blob: StoredBlob, also: (() => void) | undefined): void {
    try {
      this.#state.transaction(() => {
        // Even if it was there: a collection may have dropped its row meanwhile, and leaves the file to whoever has a row.
        this.#state.db.run("INSERT OR IGNORE INTO blobs (digest, size_bytes, created_ms) VALUES (?, ?, ?)", [
          blob.digest,
          blob.sizeBytes,
          this.#state.now(),
        ]);
        also?.();
      });
    } catch (cause) {
      if (!this.has(blob.digest)) rmSync(this.path(blob.digest), { force: true });
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
      removeFile: (digest) =>
        this.#locks.run(digest, async () => {
          // It may have been stored again since.
          if (!this.has(digest)) await unlink(this.path(digest)).catch(() => undefined);
        }),
    });
  }

  /** Writes `index.json` if it is behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#layout.flush();
  }
}
