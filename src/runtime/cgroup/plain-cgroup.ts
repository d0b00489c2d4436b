import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupFolder } from "../../linux/cgroupfs/cgroup-folder.ts";
import { ContainerCgroup } from "../../linux/cgroupfs/container-cgroup.ts";
import { delegateGroup } from "../../linux/cgroupfs/delegate-group.ts";
import type { CgroupHost, CgroupWrite } from "../../linux/cgroupfs/index.ts";
import { removeMarked, unmark } from "../../linux/cgroupfs/made-mark.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import type { Cgroup, CreateCgroupOptions, UpdateCgroupOptions } from "./cgroup.ts";
import { planCgroup } from "./plan-cgroup.ts";

export interface PlainCgroupOptions {
  readonly host: CgroupHost;
  readonly path: string;
  /** What `path` was found to mean when they were made. @default found now */
  readonly folders?: readonly CgroupFolder[];
  /** Which of them `create` made, by another process perhaps. @default not known */
  readonly made?: readonly string[];
  /** Without root's rights: no rules for devices, and hierarchies that may not be written are left out. */
  readonly isRootless: boolean;
}

/** Groups that are made and written by us alone. */
export class PlainCgroup implements Cgroup {
  readonly group: ContainerCgroup;
  readonly path: string;
  readonly #options: PlainCgroupOptions;
  #made: readonly string[] | undefined;

  constructor(options: PlainCgroupOptions) {
    this.#options = options;
    this.path = options.path;
    this.#made = options.made;
    this.group = ContainerCgroup.at(options.host, options.path, options.folders);
  }

  get folders(): readonly CgroupFolder[] {
    return this.group.folders.filter(({ path }) => existsSync(path));
  }

  get made(): readonly string[] | undefined {
    return this.#made;
  }

  async create(resources: Resources, options: CreateCgroupOptions = {}): Promise<void> {
    requireUnused(this.group);
    const writes = this.#plan(resources);
    const mayLack = this.#options.isRootless;
    this.#made = this.group.make(writes, { mayExist: true, movesNothing: true, mayLack, isMarked: true });
    delegate(this.group, options.ownerUid);
  }

  async update(resources: Resources, options: UpdateCgroupOptions = {}): Promise<void> {
    requireMemoryAbove(this.group, resources);
    try {
      this.group.update(this.#plan(resources));
    } catch (error) {
      writeAgain(this.group, () => this.#plan(options.previous ?? {}));
      throw error;
    }
  }

  async adopt(pid: number): Promise<void> {
    for (const { path } of this.folders) {
      writeFileSync(join(path, "cgroup.procs"), String(pid), { flag: "r+" });
    }
  }

  recorded(): void {
    unmark(this.#made ?? []);
  }

  async remove(): Promise<void> {
    await (this.#made === undefined ? this.group : this.group.only(this.#made)).remove();
  }

  async removeUnrecorded(): Promise<void> {
    for (const { path } of this.group.folders) removeMarked(path);
  }

  #plan(resources: Resources): readonly CgroupWrite[] {
    return planFor(resources, this.#options);
  }
}

/** A user may load no program for devices, and needs none: such a container has no device that its user has not. */
export function planFor(
  resources: Resources,
  options: { readonly host: CgroupHost; readonly isRootless: boolean },
): readonly CgroupWrite[] {
  const { devices: _devices, ...others } = resources;
  return planCgroup(options.isRootless ? others : resources, options.host);
}

/** @throws `conflict` for a group that somebody is in: its limits would be another's. */
export function requireUnused(group: ContainerCgroup): void {
  if (!group.exists()) return;
  const pids = group.pids();
  if (pids.length > 0) {
    throw new GantryError("conflict", `the control group "${group.name}" is not empty: ${pids.length} processes`, {
      hint: "another container may have the same linux.cgroupsPath",
    });
  }
  if (group.isFrozen()) throw new GantryError("conflict", `the control group "${group.name}" is frozen`);
}

/** `checkBeforeUpdate`: a v2 kernel would kill at once to get below the new limit. @throws `conflict`. */
export function requireMemoryAbove(group: ContainerCgroup, { memory }: Resources): void {
  if (memory?.checkBeforeUpdate !== true) return;
  const { usageBytes } = group.stats().memory;
  for (const field of ["limit", "swap"] as const) {
    const limit = memory[field];
    if (limit !== undefined && limit > 0 && limit <= usageBytes) {
      throw new GantryError(
        "conflict",
        `linux.resources.memory.${field}: the limit ${limit} is below the ${usageBytes} bytes in use`,
      );
    }
  }
}

export function delegate(group: ContainerCgroup, uid: number | undefined): void {
  const unified = group.folderOf("unified");
  if (uid !== undefined && unified !== undefined) delegateGroup(unified, uid);
}

/** What held before; what of it is refused now is passed over, since the first failure is what counts. */
export function writeAgain(group: ContainerCgroup, plan: () => readonly CgroupWrite[]): void {
  for (const write of plan()) {
    try {
      group.update([write]);
    } catch {
      // The new value before it may be in the way.
    }
  }
}
