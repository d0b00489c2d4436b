import { existsSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "../../errors/error-code.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { parseFlatKeyed, readIfThere, writeExisting } from "./cgroup-files.ts";
import type { CgroupFolder } from "./cgroup-folder.ts";
import type { CgroupHost } from "./cgroup-host.ts";
import {
  type CgroupPlace,
  type MakeFoldersOptions,
  makeFolders,
  placesAt,
  placesIn,
  placesOf,
} from "./cgroup-place.ts";
import { type CgroupStats, readStatsVersion1, readStatsVersion2 } from "./cgroup-stats.ts";
import { childGroups, processesInside, tryRemoveTree } from "./cgroup-tree.ts";
import type { CgroupWrite } from "./cgroup-write.ts";
import { freezeGroup, thawGroup } from "./freeze-group.ts";
import { isFrozen } from "./is-frozen.ts";
import { requireFolder } from "./require-folder.ts";
import { settleThreads } from "./settle-threads.ts";
import { writeLimits } from "./write-limits.ts";

export interface WaitOptions {
  /** How long to wait for the kernel at most. Default 10 000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * The control groups of one container: a folder of the same name in each hierarchy of the machine. They live on when
 * this object is forgotten, and until `remove`.
 *
 * The container's processes are put into `folders` by whoever starts them; nothing here moves a process.
 */
export class ContainerCgroup {
  /** The path below our place in each hierarchy. */
  readonly name: string;
  readonly #placed: readonly CgroupPlace[];

  private constructor(name: string, placed: readonly CgroupPlace[]) {
    this.name = name;
    this.#placed = placed;
  }

  /**
   * Makes the folders and writes `writes` into them. All or nothing: on failure no folder of the container is left.
   *
   * @param name the path below our place in each hierarchy, `gantry-<hash>/<id>`; folders on the way are made and stay.
   * @throws `already-exists` when the container has one; `unsupported` when the kernel lacks a file that was asked for.
   */
  static create(host: CgroupHost, name: string, writes: readonly CgroupWrite[]): ContainerCgroup {
    const group = new ContainerCgroup(name, placesOf(host, name));
    group.make(writes);
    return group;
  }

  /**
   * The groups that a specification's `linux.cgroupsPath` means; they need not be there.
   *
   * @param folders what it was found to mean before, by another process perhaps. @default found now
   * @throws as `placesAt`.
   */
  static at(host: CgroupHost, path: string, folders?: readonly CgroupFolder[]): ContainerCgroup {
    return new ContainerCgroup(path, folders === undefined ? placesAt(host, path) : placesIn(host, folders));
  }

  /**
   * Makes the folders and writes `writes` into them. On failure no folder that this call made is left.
   *
   * @returns the folders that this call made.
   * @throws `already-exists` without `mayExist`; `unsupported` when the kernel lacks a file that was asked for.
   */
  make(writes: readonly CgroupWrite[], options: MakeFoldersOptions = {}): readonly string[] {
    const made: string[] = [];
    try {
      for (const place of this.#placed) {
        if (options.mayLack === true ? makeIfAllowed(place, options) : makeFolders(place, options))
          made.push(place.path);
        // Our own place is never below a threaded group: there is no need to look.
        if (place.mount.version === 2 && options.movesNothing === true) settleThreads(place.path, writes);
      }
      this.update(writes);
      return made;
    } catch (error) {
      for (const path of made) tryRemoveTree(path);
      if (error instanceof GantryError) throw error;
      throw new GantryError(
        isForbidden(error) ? "permission-denied" : "internal",
        `cannot create the control group "${this.name}"`,
        { cause: error },
      );
    }
  }

  /** Those of the groups whose folders are in `paths`. */
  only(paths: readonly string[]): ContainerCgroup {
    return new ContainerCgroup(
      this.name,
      this.#placed.filter(({ path }) => paths.includes(path)),
    );
  }

  /** The groups of a container that was created before, by this daemon or one of before; not all need to be there. */
  static open(host: CgroupHost, name: string): ContainerCgroup {
    return new ContainerCgroup(name, placesOf(host, name));
  }

  /** The names of the groups below `parent` in any hierarchy (recovery is what is listed minus what is known), sorted. */
  static list(host: CgroupHost, parent: string): readonly string[] {
    const names = placesOf(host, parent).flatMap(({ path }) =>
      childGroups(path).map((child) => child.slice(path.length + 1)),
    );
    return [...new Set(names)].sort();
  }

  /** Removes the folders of `parent` (made on the way by `create`) where they are empty. Idempotent. */
  static removeParent(host: CgroupHost, parent: string): void {
    for (const { path } of placesOf(host, parent)) {
      try {
        rmdirSync(path);
      } catch (error) {
        const code = errorCode(error);
        if (code !== "ENOENT" && code !== "EBUSY" && code !== "ENOTEMPTY") throw error;
      }
    }
  }

  /** What the container's processes have to be put into, v1 first. */
  get folders(): readonly CgroupFolder[] {
    return this.#placed.map(({ mount, path }) => ({ version: mount.version, path }));
  }

  /**
   * The folder for a v1 controller or, with `unified`, the v2 one. In a machine with v2 alone it is that for every
   * controller that the machine has.
   */
  folderOf(controller: string): string | undefined {
    const placed = this.#placed.find(
      ({ mount }) => mount.controllers.includes(controller) || (controller === "unified" && mount.version === 2),
    );
    return placed?.path;
  }

  /** Writes limits. @throws as `writeLimits`. */
  update(writes: readonly CgroupWrite[]): void {
    writeLimits(this, writes);
  }

  /**
   * Stops every process where it is; resolves when the kernel says that all have stopped. Idempotent.
   *
   * @throws `unavailable` when it does not within the time (a process deep in the kernel); all run again then.
   */
  async freeze(options: WaitOptions = {}): Promise<void> {
    await freezeGroup(this.#freezer(), { what: this.name, timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS });
  }

  /** Whether any freezer of the container holds it, whoever ordered that. */
  isFrozen(): boolean {
    return this.#placed.some(({ mount, path }) => isFrozen({ version: mount.version, path }));
  }

  /** Whether any of the folders is there. */
  exists(): boolean {
    return this.#placed.some(({ path }) => existsSync(path));
  }

  /** Lets the processes go on. Idempotent. */
  async thaw(options: WaitOptions = {}): Promise<void> {
    await thawGroup(this.#freezer(), { what: this.name, timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS });
  }

  /** The v2 folder where there is one (a process frozen there can be killed), else that of the v1 freezer. */
  #freezer(): CgroupFolder {
    const unified = this.folderOf("unified");
    if (unified !== undefined && existsSync(join(unified, "cgroup.freeze"))) return { version: 2, path: unified };
    return { version: 1, path: requireFolder(this, "freezer", "pausing") };
  }

  /** The processes in any of the folders, nested groups included, in ascending order. */
  pids(): number[] {
    const all = new Set(this.#placed.flatMap(({ path }) => processesInside(path)));
    return [...all].sort((a, b) => a - b);
  }

  /**
   * Kills every process with SIGKILL and waits until none is left, a fork bomb included: with v2 the kernel kills the
   * whole group at once; with v1 all are frozen first, so that none can fork away. Idempotent.
   *
   * @throws `unavailable` when something is still there after the time.
   */
  async kill(options: WaitOptions = {}): Promise<void> {
    const deadline = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    for (let round = 0; ; round++) {
      const unified = this.folderOf("unified");
      const hasKill = unified !== undefined && existsSync(join(unified, "cgroup.kill"));
      if (hasKill) unlessGone(() => writeExisting(join(unified, "cgroup.kill"), "1"));
      if (this.pids().length === 0) return;
      // What is not in the v2 folder, and all where there is no such file (before 5.14).
      if (!hasKill || round > 0) await this.#killFrozen();
      if (performance.now() > deadline) {
        throw new GantryError("unavailable", `processes of "${this.name}" do not end: ${this.pids().join(" ")}`);
      }
      if (round > 0) await delay(Math.min(round, 20));
    }
  }

  async #killFrozen(): Promise<void> {
    const freezer = this.folderOf("unified") ?? this.folderOf("freezer");
    const canFreeze = freezer !== undefined && this.pids().length > 0;
    // Half a second suffices but for a process stuck in the kernel, which dies when it comes back anyway.
    if (canFreeze) await this.freeze({ timeoutMs: 500 }).catch(() => undefined);
    try {
      for (const pid of this.pids()) {
        try {
          process.kill(pid, "SIGKILL");
        } catch (error) {
          if (errorCode(error) !== "ESRCH") throw error;
        }
      }
    } finally {
      if (canFreeze && this.exists()) await this.thaw();
    }
  }

  /** What the container uses; all zero for a group that is gone. */
  stats(): CgroupStats {
    const unified = this.folderOf("unified");
    const hasVersion1 = this.#placed.some(({ mount }) => mount.version === 1);
    return unified === undefined || hasVersion1 ? readStatsVersion1(this) : readStatsVersion2(unified);
  }

  /** How often the kernel killed a process of the container because its memory was used up. */
  oomKills(): number {
    const folder = this.folderOf("memory");
    if (folder === undefined) return 0;
    const text = readIfThere(join(folder, "memory.events")) ?? readIfThere(join(folder, "memory.oom_control")) ?? "";
    return parseFlatKeyed(text).get("oom_kill") ?? 0;
  }

  /** Tries once to remove all folders, with groups that the container made inside. False while there are processes. */
  tryRemove(): boolean {
    return this.#placed.filter(({ path }) => !tryRemoveTree(path)).length === 0;
  }

  /**
   * Removes all folders, with groups that the container made inside. Waits for processes that are just ending; kills
   * none. Idempotent.
   *
   * @throws `conflict` when processes are still in it after the time.
   */
  async remove(options: WaitOptions = {}): Promise<void> {
    const deadline = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    let left = this.#placed;
    for (let round = 0; ; round++) {
      left = left.filter(({ path }) => !tryRemoveTree(path));
      if (left.length === 0) return;
      if (performance.now() > deadline) {
        throw new GantryError("conflict", `the control group "${this.name}" is still in use`, {
          hint: `its processes: ${this.pids().join(" ") || "none that can be seen"}`,
        });
      }
      await delay(Math.min(round, 20));
    }
  }
}

/** systemd removes a group as soon as nobody is in it: then there is nobody to kill either. */
function unlessGone(act: () => void): void {
  try {
    act();
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT" && code !== "ENODEV") throw error;
  }
}

function isForbidden(error: unknown): boolean {
  const code = errorCode(error);
  return code === "EACCES" || code === "EPERM" || code === "EROFS";
}

function makeIfAllowed(place: CgroupPlace, options: MakeFoldersOptions): boolean {
  try {
    return makeFolders(place, options);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return false;
  }
}
