import { existsSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupFolder } from "../../linux/cgroupfs/cgroup-folder.ts";
import { ContainerCgroup } from "../../linux/cgroupfs/container-cgroup.ts";
import type { CgroupHost, CgroupWrite } from "../../linux/cgroupfs/index.ts";
import { removeMarked, unmark } from "../../linux/cgroupfs/made-mark.ts";
import { SystemdManager, type SystemdSocket } from "../../linux/systemd/systemd-manager.ts";
import { parseUnitAddress, type UnitAddress } from "../../linux/systemd/unit-address.ts";
import { planUnit } from "../../linux/systemd/unit-properties.ts";
import type { UnitProperty } from "../../linux/systemd/unit-property.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import type { Cgroup, CreateCgroupOptions, UpdateCgroupOptions } from "./cgroup.ts";
import { delegate, planFor, requireMemoryAbove, requireUnused, writeAgain } from "./plain-cgroup.ts";

export interface SystemdCgroupOptions {
  readonly host: CgroupHost;
  readonly id: string;
  readonly cgroupsPath?: string;
  /** Where the unit was found to be when it was made. @default found now */
  readonly folders?: readonly CgroupFolder[];
  /** The folders of a unit that `create` made, by another process perhaps. @default not known */
  readonly made?: readonly string[];
  readonly sockets: readonly SystemdSocket[];
  readonly uid: number;
  /** A user's own systemd. */
  readonly isUser: boolean;
  /** Further properties for the unit, from annotations. Default: none. */
  readonly properties?: readonly UnitProperty[];
}

/**
 * A container's groups as a transient unit of systemd, with `Delegate=`: systemd makes it and knows it, and leaves what is
 * inside to us. Limits are told to systemd, which would undo them otherwise, and then written, since it does not know all.
 */
export class SystemdCgroup implements Cgroup {
  readonly group: ContainerCgroup;
  readonly path: string;
  readonly #options: SystemdCgroupOptions;
  readonly #address: UnitAddress;
  #made: readonly string[] | undefined;
  #marked: readonly string[] = [];

  private constructor(options: SystemdCgroupOptions, address: UnitAddress, above: string) {
    this.#options = options;
    this.#address = address;
    this.#made = options.made;
    this.path = `${above === "/" ? "" : above}${address.path}`;
    this.group = ContainerCgroup.at(options.host, this.path, options.folders);
  }

  /** Asks a user's systemd where its units are, if that is not known; the system's is not asked anything. */
  static async open(options: SystemdCgroupOptions): Promise<SystemdCgroup> {
    if (options.isUser && options.host.mode !== "v2") {
      throw new GantryError("unsupported", "a user's systemd keeps no control groups with cgroup v1");
    }
    const address = parseUnitAddress(options.cgroupsPath, options);
    if (!options.isUser || options.folders !== undefined) return new SystemdCgroup(options, address, "/");
    using manager = await SystemdManager.connect(options.sockets, options);
    return new SystemdCgroup(options, address, await manager.controlGroup());
  }

  get folders(): readonly CgroupFolder[] {
    return this.group.folders.filter(({ path }) => existsSync(path));
  }

  get made(): readonly string[] | undefined {
    return this.#made;
  }

  async create(resources: Resources, options: CreateCgroupOptions = {}): Promise<void> {
    requireUnused(this.group);
    const { unit } = this.#address;
    using manager = await this.#connect();
    const plan = planUnit(this.#plan(resources), manager.version);
    await manager.startTransientUnit(unit, [...this.#basicProperties(options.pid, resources), ...plan.properties]);
    try {
      // systemd makes the folders of the controllers that it knows.
      this.#marked = this.group.make(plan.writes, { mayExist: true, movesNothing: true, isMarked: true });
      // The unit was not there before, or it would have been refused.
      this.#made = this.group.folders.map(({ path }) => path);
      delegate(this.group, options.ownerUid);
    } catch (error) {
      await manager.stopUnit(unit).catch(() => undefined);
      throw error;
    }
  }

  async update(resources: Resources, options: UpdateCgroupOptions = {}): Promise<void> {
    requireMemoryAbove(this.group, resources);
    using manager = await this.#connect();
    const apply = async (asked: Resources): Promise<readonly CgroupWrite[]> => {
      const plan = planUnit(this.#plan(asked), manager.version);
      await this.#whileHeld(asked, () => manager.setUnitProperties(this.#address.unit, plan.properties));
      return plan.writes;
    };
    try {
      this.group.update(await apply(resources));
    } catch (error) {
      const writes = await apply(options.previous ?? {}).catch(() => []);
      writeAgain(this.group, () => writes);
      throw error;
    }
  }

  async adopt(pid: number): Promise<void> {
    using manager = await this.#connect();
    await manager.attachProcesses(this.#address.unit, [pid]);
  }

  recorded(): void {
    unmark(this.#marked);
  }

  async remove(): Promise<void> {
    using manager = await this.#connect();
    await manager.stopUnit(this.#address.unit);
    // What systemd does not know: hierarchies of v1, groups inside of versions before 240.
    await this.group.remove();
  }

  /** A scope ended with the process that it began with; a slice has none, and stays. */
  async removeUnrecorded(): Promise<void> {
    if (this.group.pids().length > 0) return;
    using manager = await this.#connect();
    const { unit } = this.#address;
    if ((await manager.unitDescription(unit)) === this.#description) await manager.stopUnit(unit);
    for (const { path } of this.group.folders) removeMarked(path);
  }

  /** systemd denies all devices of a v1 group for a moment when it is told new rules: nobody may be there to see it. */
  async #whileHeld(resources: Resources, act: () => Promise<void>): Promise<void> {
    const isDisruptive = resources.devices !== undefined && this.#options.host.mode !== "v2" && !this.group.isFrozen();
    if (!isDisruptive) return await act();
    await this.group.freeze();
    try {
      await act();
    } finally {
      await this.group.thaw();
    }
  }

  get #description(): string {
    return `gantry container ${this.#options.id}`;
  }

  #connect(): Promise<SystemdManager> {
    return SystemdManager.connect(this.#options.sockets, this.#options);
  }

  #plan(resources: Resources): readonly CgroupWrite[] {
    return planFor(resources, { host: this.#options.host, isRootless: this.#options.isUser });
  }

  #basicProperties(pid: number | undefined, resources: Resources): UnitProperty[] {
    const { unit, slice } = this.#address;
    const isSlice = unit.endsWith(".slice");
    if (pid === undefined && !isSlice) {
      throw new GantryError("invalid-argument", `the unit ${unit} needs a process to begin with`);
    }
    const flag = (name: string, value: boolean): UnitProperty => [name, { signature: "b", value }];
    const text = (name: string, value: string): UnitProperty => [name, { signature: "s", value }];
    const isSecond = this.#options.host.mode === "v2";
    const killsAll = resources.unified?.["memory.oom.group"]?.trim();
    return [
      text("Description", this.#description),
      ...(isSlice
        ? [["Wants", { signature: "as", value: [slice] }] as const]
        : [
            text("Slice", slice),
            flag("Delegate", true),
            ["PIDs", { signature: "au", value: pid === undefined ? [] : [pid] }] as const,
          ]),
      // The counters of `stats`, and a memory group from the beginning: what is charged before one is there is never counted.
      ...["MemoryAccounting", "CPUAccounting", isSecond ? "IOAccounting" : "BlockIOAccounting", "TasksAccounting"].map(
        (name) => flag(name, true),
      ),
      flag("DefaultDependencies", false),
      // It can be said only here.
      ...(killsAll === "0" || killsAll === "1" ? [text("OOMPolicy", killsAll === "1" ? "kill" : "continue")] : []),
      ...(this.#options.properties ?? []),
    ];
  }
}
