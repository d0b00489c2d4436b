import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { KeyedLock } from "../platform/keyed-lock.ts";
import type { Database } from "../platform/sqlite.ts";
import { copyUp } from "./copy-up.ts";
import type { LayeredTree } from "./layered-tree.ts";

/** A folder with a name that outlives containers. */
export interface Volume {
  readonly name: string;
  /** Where its files are on the host. */
  readonly mountpoint: string;
  readonly createdAtNs: bigint;
  readonly labels: Readonly<Record<string, string>>;
  /** Made without a name, for one container. */
  readonly isAnonymous: boolean;
}

interface VolumeEvent {
  readonly type: "volume";
  readonly action: "create" | "destroy";
  readonly actorId: string;
  readonly attributes: Record<string, string>;
  readonly timeNs: bigint;
}

export interface VolumeStoreOptions {
  /** `<root>/volumes` */
  readonly directory: string;
  readonly state: {
    readonly db: Database;
    transaction<T>(body: () => T): T;
    readonly events: { append(event: VolumeEvent): void };
  };
  readonly clock: { nowNs(): bigint };
  readonly randomBytes: (count: number) => Uint8Array;
}

interface VolumeRow {
  readonly name: string;
  readonly created_ns: string;
  readonly labels: string;
  readonly is_anonymous: number;
  readonly pending_for: string | null;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/;
const REMOVED = ".removed-";
/** A file beside `_data`, there from just before the row goes. */
const BEING_REMOVED = "being-removed";
/** A folder beside `_data`, there while the image's files are being copied in. */
const COPYING = "copying";

/**
 * Named and anonymous volumes: `<directory>/<name>/_data` and a row each. Rows and events are safe against power loss
 * when a method returns. A folder that has no row (a restored backup) is adopted when the store opens; one whose removal was cut
 * short is removed.
 */
export class VolumeStore {
  readonly #options: VolumeStoreOptions;
  readonly #locks = new KeyedLock();

  constructor(options: VolumeStoreOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o701 });
    this.#adoptFolders();
    for (const row of this.#rows()) {
      if (row.pending_for !== null) rmSync(this.#drop(row.name), { recursive: true, force: true });
      else this.#makeFolder(row.name);
    }
  }

  /** Rows come before folders and go before them: a folder without a row is a grave, or was put there by somebody. */
  #adoptFolders(): void {
    const { directory } = this.#options;
    for (const entry of readdirSync(directory)) {
      const path = join(directory, entry);
      const isKnown = this.#find(entry) !== undefined;
      const isGrave = entry.startsWith(REMOVED) || (!isKnown && existsSync(join(path, BEING_REMOVED)));
      if (isGrave) rmSync(path, { recursive: true, force: true });
      else if (!isKnown && NAME.test(entry) && existsSync(join(path, "_data"))) {
        this.#insert({ name: entry, labels: {}, isAnonymous: false });
      }
    }
  }

  #makeFolder(name: string): void {
    try {
      mkdirSync(join(this.#options.directory, name, "_data"), { recursive: true, mode: 0o755 });
      rmSync(join(this.#options.directory, name, BEING_REMOVED), { force: true });
    } catch (cause) {
      throw new GantryError("unavailable", `cannot make a folder for volume ${name}`, { cause });
    }
  }

  /** By name. */
  list(): readonly Volume[] {
    return this.#rows().map((row) => this.#volumeOf(row));
  }

  /** @throws `not-found` */
  inspect(name: string): Volume {
    const volume = this.#find(name);
    if (volume === undefined) throw new GantryError("not-found", `get ${name}: no such volume`);
    return volume;
  }

  /**
   * Makes a volume, or gives the one that has this name already.
   *
   * @param options.name left out: an anonymous one with a random name.
   * @param options.pendingFor what it is made for: until `settle`, a new volume goes with this process.
   * @throws `invalid-argument` for a name that is none.
   */
  create(
    options: {
      readonly name?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly pendingFor?: string;
    } = {},
  ): {
    readonly volume: Volume;
    readonly isNew: boolean;
  } {
    const name = options.name ?? Buffer.from(this.#options.randomBytes(32)).toString("hex");
    if (!NAME.test(name)) {
      throw new GantryError(
        "invalid-argument",
        `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      );
    }
    const present = this.#find(name);
    if (present !== undefined) return { volume: present, isNew: false };
    this.#insert({
      name,
      labels: options.labels ?? {},
      isAnonymous: options.name === undefined,
      ...(options.pendingFor === undefined ? {} : { pendingFor: options.pendingFor }),
    });
    try {
      this.#makeFolder(name);
    } catch (error) {
      this.#drop(name);
      throw error;
    }
    return { volume: this.inspect(name), isNew: true };
  }

  /**
   * Keeps these volumes for good, in the caller's transaction, whoever they were made for.
   *
   * @throws `not-found` if one of them is gone.
   */
  settle(names: readonly string[]): void {
    for (const name of names) {
      this.inspect(name);
      this.#options.state.db.query("UPDATE volumes SET pending_for = NULL WHERE name = ?").run(name);
    }
  }

  /** Says, in the caller's transaction, that these are about to be removed: should this process die, the next one does it. */
  doom(names: readonly string[]): void {
    for (const name of names) {
      this.#options.state.db.query("UPDATE volumes SET pending_for = 'removal' WHERE name = ?").run(name);
    }
  }

  /**
   * Fills a volume that is still empty with what an image has at `target`, ownership, modes, times and attributes
   * included. A copy that was cut short is done again from the start. Does nothing where the image has no folder.
   */
  async populate(name: string, tree: LayeredTree, target: string): Promise<void> {
    await this.#locks.run(name, async () => {
      const { mountpoint } = this.inspect(name);
      const marker = join(this.#options.directory, name, COPYING);
      if (!existsSync(marker) && readdirSync(mountpoint).length > 0) return;
      const source = tree.lookup(target);
      if (source?.kind !== "folder") return;
      mkdirSync(marker, { recursive: true });
      for (const entry of readdirSync(mountpoint)) await rm(join(mountpoint, entry), { recursive: true, force: true });
      await copyUp(tree, source, mountpoint);
      await rm(marker, { recursive: true });
    });
  }

  /**
   * Removes a volume and all that is in it. Idempotent with `force`.
   *
   * @param options.usedBy ids of containers that have it mounted: a volume in use stays.
   * @throws `not-found`, `conflict`
   */
  async remove(name: string, options: { readonly force?: boolean; readonly usedBy: readonly string[] }): Promise<void> {
    await this.#locks.run(name, async () => {
      if (this.#find(name) === undefined) {
        if (options.force === true) return;
        throw new GantryError("not-found", `get ${name}: no such volume`);
      }
      if (options.usedBy.length > 0) {
        throw new GantryError("conflict", `remove ${name}: volume is in use - [${options.usedBy.join(", ")}]`);
      }
      await rm(this.#drop(name), { recursive: true, force: true });
    });
  }

  /** Forgets a volume and puts its folder aside; returns where. What is half removed after a crash must not be adopted again. */
  #drop(name: string): string {
    const { state, clock, directory, randomBytes } = this.#options;
    const folder = join(directory, name);
    if (existsSync(folder)) writeFileSync(join(folder, BEING_REMOVED), "");
    state.transaction(() => {
      state.db.query("DELETE FROM volumes WHERE name = ?").run(name);
      state.events.append({
        type: "volume",
        action: "destroy",
        actorId: name,
        attributes: { driver: "local" },
        timeNs: clock.nowNs(),
      });
    });
    const grave = join(directory, `${REMOVED}${Buffer.from(randomBytes(8)).toString("hex")}`);
    if (existsSync(folder)) renameSync(folder, grave);
    return grave;
  }

  #rows(): readonly VolumeRow[] {
    return this.#options.state.db.query("SELECT * FROM volumes ORDER BY name").all() as VolumeRow[];
  }

  #find(name: string): Volume | undefined {
    const row = this.#options.state.db.query("SELECT * FROM volumes WHERE name = ?").get(name) as VolumeRow | null;
    return row === null ? undefined : this.#volumeOf(row);
  }

  #volumeOf(row: VolumeRow): Volume {
    return {
      name: row.name,
      mountpoint: join(this.#options.directory, row.name, "_data"),
      createdAtNs: BigInt(row.created_ns),
      labels: JSON.parse(row.labels) as Record<string, string>,
      isAnonymous: row.is_anonymous === 1,
    };
  }

  #insert(volume: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly isAnonymous: boolean;
    readonly pendingFor?: string;
  }): void {
    const { state, clock } = this.#options;
    const { name, labels, isAnonymous, pendingFor } = volume;
    const timeNs = clock.nowNs();
    state.transaction(() => {
      state.db
        .query("INSERT INTO volumes (name, created_ns, labels, is_anonymous, pending_for) VALUES (?, ?, ?, ?, ?)")
        .run(name, timeNs.toString(), JSON.stringify(labels), isAnonymous ? 1 : 0, pendingFor ?? null);
      state.events.append({ type: "volume", action: "create", actorId: name, attributes: { driver: "local" }, timeNs });
    });
  }
}
