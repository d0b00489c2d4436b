import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../errors/disk-error.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestHex, isDigest } from "../oci/digest.ts";
import type { State } from "../state/state.ts";
import type { ChainId } from "./chain-id.ts";
import type { LayerWorkers } from "./unpack/layer-workers.ts";

/** An unpacked layer, on top of those that its chain names. */
export interface Snapshot {
  readonly chainId: ChainId;
  readonly parent?: ChainId;
  readonly diffId: Digest;
  /** Of this layer alone. */
  readonly sizeBytes: number;
  readonly entries: number;
  /** Nothing below can be seen. */
  readonly isOpaque: boolean;
}

/** A snapshot being made: fill `directory`, then `commit`; disposing one that was not committed removes it. */
export interface PreparedSnapshot extends AsyncDisposable {
  /** An empty folder. */
  readonly directory: string;
  /**
   * Puts it in its place; the caller has synced what is in it. Idempotent in effect: the chain is there, whoever made it.
   *
   * @throws `internal` if the parent is not there.
   */
  commit(snapshot: Snapshot): Promise<void>;
}

export interface OpenSnapshotsOptions {
  /** `<root>/snapshots`: made if it is missing. */
  readonly directory: string;
  readonly state: State;
  readonly workers: LayerWorkers;
}

interface SnapshotRow {
  readonly chain_id: string;
  readonly parent: string | null;
  readonly diff_id: string;
  readonly size_bytes: number;
  readonly entries: number;
  readonly is_opaque: number;
}

function toSnapshot(row: SnapshotRow): Snapshot {
  return {
    chainId: row.chain_id as ChainId,
    ...(row.parent === null ? {} : { parent: row.parent as ChainId }),
    diffId: row.diff_id as Digest,
    sizeBytes: row.size_bytes,
    entries: row.entries,
    isOpaque: row.is_opaque !== 0,
  };
}

/**
 * Layers, unpacked, each in a folder of its own: `<chain id>/fs` is a lower folder for overlayfs. Made in a temporary folder,
 * synced and renamed; then the database says that it is there. Read-only once committed.
 */
export class SnapshotStore {
  readonly #directory: string;
  readonly #state: State;
  readonly #workers: LayerWorkers;
  readonly #leases = new Map<symbol, ReadonlySet<ChainId>>();
  #prepared = 0;

  private constructor(options: OpenSnapshotsOptions) {
    this.#directory = options.directory;
    this.#state = options.state;
    this.#workers = options.workers;
  }

  /** Opens the store; what a killed process left (folders without rows, rows without folders) is gone when this resolves. */
  static async open(options: OpenSnapshotsOptions): Promise<SnapshotStore> {
    try {
      mkdirSync(join(options.directory, "temporary"), { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw diskError(`cannot open the snapshots in ${options.directory}`, cause);
    }
    const store = new SnapshotStore(options);
    await store.#recover();
    return store;
  }

  async #recover(): Promise<void> {
    const known = new Map(this.list().map((snapshot) => [digestHex(snapshot.chainId), snapshot.chainId]));
    for (const name of readdirSync(this.#directory)) {
      if (name === "temporary" || known.delete(name)) continue;
      renameSync(join(this.#directory, name), join(this.#directory, "temporary", `unknown-${name}`));
    }
    // What stands on a missing layer is missing too.
    for (const chainId of known.values()) this.#forget(chainId);
    for (const name of readdirSync(join(this.#directory, "temporary"))) {
      await this.#workers.remove(join(this.#directory, "temporary", name));
    }
  }

  #forget(chainId: ChainId): void {
    this.#state.db.run(
      `WITH RECURSIVE above (chain_id) AS (
         SELECT ? UNION SELECT snapshots.chain_id FROM snapshots JOIN above ON snapshots.parent = above.chain_id
       ) DELETE FROM snapshots WHERE chain_id IN above`,
      [chainId],
    );
  }

  has(chainId: ChainId): boolean {
    return this.stat(chainId) !== undefined;
  }

  stat(chainId: ChainId): Snapshot | undefined {
    const row = this.#state.db.query<SnapshotRow, [string]>("SELECT * FROM snapshots WHERE chain_id = ?").get(chainId);
    return row === null ? undefined : toSnapshot(row);
  }

  list(): readonly Snapshot[] {
    return this.#state.db.query<SnapshotRow, []>("SELECT * FROM snapshots").all().map(toSnapshot);
  }

  /** Where the layer is unpacked, or would be. */
  path(chainId: ChainId): string {
    return join(this.#directory, digestHex(chainId), "fs");
  }

  /** The lower folders for overlayfs, topmost first. @throws `not-found` if the chain is not unpacked. */
  lower(chainId: ChainId | undefined): readonly string[] {
    const paths: string[] = [];
    for (let next = chainId; next !== undefined; ) {
      const snapshot = this.stat(next);
      if (snapshot === undefined) throw new GantryError("not-found", `layer ${next} is not unpacked`);
      paths.push(this.path(next));
      // overlayfs reads no opaque mark on a layer's own root.
      next = snapshot.isOpaque ? undefined : snapshot.parent;
    }
    return paths;
  }

  /** Bytes of all layers of a chain. */
  sizeBytes(chainId: ChainId | undefined): number {
    let total = 0;
    for (let next = chainId; next !== undefined; ) {
      const snapshot = this.stat(next);
      total += snapshot?.sizeBytes ?? 0;
      next = snapshot?.parent;
    }
    return total;
  }

  /** Begins to make a snapshot. Any number at once, of the same chain too. */
  async prepare(): Promise<PreparedSnapshot> {
    this.#prepared += 1;
    const temporary = join(this.#directory, "temporary", String(this.#prepared));
    const directory = join(temporary, "fs");
    try {
      await mkdir(directory, { recursive: true, mode: 0o755 });
    } catch (cause) {
      throw diskError("cannot make a folder for a layer", cause);
    }
    return {
      directory,
      commit: (snapshot) => this.#commit(temporary, snapshot),
      [Symbol.asyncDispose]: () => this.#workers.remove(temporary),
    };
  }

  async #commit(temporary: string, snapshot: Snapshot): Promise<void> {
    if (this.has(snapshot.chainId)) return;
    const target = join(this.#directory, digestHex(snapshot.chainId));
    try {
      await rename(temporary, target);
      await using directory = await open(this.#directory, "r");
      await directory.sync();
    } catch (cause) {
      // Another one was quicker: folders of the same chain are the same.
      if (cause instanceof Error && "code" in cause && (cause.code === "ENOTEMPTY" || cause.code === "EEXIST")) return;
      throw diskError(`cannot store the layer ${snapshot.diffId}`, cause);
    }
    this.#state.transaction(() => {
      if (snapshot.parent !== undefined && !this.has(snapshot.parent)) {
        throw new GantryError("internal", `layer ${snapshot.chainId} was made on ${snapshot.parent}, which is gone`);
      }
      this.#state.db.run("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?)", [
        snapshot.chainId,
        snapshot.parent ?? null,
        snapshot.diffId,
        snapshot.sizeBytes,
        snapshot.entries,
        snapshot.isOpaque ? 1 : 0,
        this.#state.now(),
      ]);
    });
  }

  /** Protects chains from `sweep` until disposed. */
  lease(chainIds: Iterable<ChainId>): Disposable {
    const key = Symbol("lease");
    this.#leases.set(key, new Set(chainIds));
    return { [Symbol.dispose]: () => void this.#leases.delete(key) };
  }

  /** Removes a snapshot and all that stand on it. Idempotent. */
  async remove(chainId: ChainId): Promise<void> {
    const above = this.#state.db
      .query<{ chain_id: string }, [string]>(
        `WITH RECURSIVE above (chain_id) AS (
           SELECT ? UNION SELECT snapshots.chain_id FROM snapshots JOIN above ON snapshots.parent = above.chain_id
         ) SELECT chain_id FROM above`,
      )
      .all(chainId)
      .map((row) => row.chain_id as ChainId);
    this.#forget(chainId);
    for (const gone of above) await this.#discard(gone);
  }

  async #discard(chainId: ChainId): Promise<void> {
    this.#prepared += 1;
    const temporary = join(this.#directory, "temporary", String(this.#prepared));
    try {
      // Away first, so that the same chain can be made again while the tree is being removed.
      renameSync(join(this.#directory, digestHex(chainId)), temporary);
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return;
      throw diskError(`cannot remove the layer ${chainId}`, cause);
    }
    await this.#workers.remove(temporary);
  }

  /** Removes what neither is in `live`, nor leased, nor below one of those. Safe while everything runs. */
  async sweep(live: Iterable<ChainId>): Promise<readonly ChainId[]> {
    const kept = new Set<ChainId>();
    const roots = [...live, ...[...this.#leases.values()].flatMap((chains) => [...chains])];
    for (const root of roots) {
      for (let next: ChainId | undefined = root; next !== undefined && !kept.has(next); ) {
        kept.add(next);
        next = this.stat(next)?.parent;
      }
    }
    const removed = this.list()
      .map((snapshot) => snapshot.chainId)
      .filter((chainId) => isDigest(chainId) && !kept.has(chainId));
    for (const chainId of removed) await this.remove(chainId);
    return removed;
  }
}
