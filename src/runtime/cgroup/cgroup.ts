import type { CgroupFolder } from "../../linux/cgroupfs/cgroup-folder.ts";
import type { ContainerCgroup } from "../../linux/cgroupfs/container-cgroup.ts";
import type { Resources } from "../../oci/runtime-spec.ts";

export interface CreateCgroupOptions {
  /**
   * A process to begin with. A systemd unit ends when it has none, so the systemd driver must be given one, and it must
   * live until the container's first process is in the group; see `holdProcess`. The plain driver leaves it alone.
   */
  readonly pid?: number;
  /** The user of the host who gets the v2 group to divide it further; see `cgroupOwner`. Default: nobody. */
  readonly ownerUid?: number;
}

export interface UpdateCgroupOptions {
  /** What holds now: written again when the kernel refuses the new. Default: what was written before that stays. */
  readonly previous?: Resources;
}

/** The control groups of one container, whoever keeps them. */
export interface Cgroup {
  /** What acts on the processes and reads the counters: `freeze thaw isFrozen pids kill stats oomKills exists`. */
  readonly group: ContainerCgroup;
  /** What the first process has to be put into, once there is something: a user may lack some. */
  readonly folders: readonly CgroupFolder[];
  /** The folders that `create` made, by this object or as it was told; undefined when neither is so. */
  readonly made: readonly string[] | undefined;
  /** The path below systemd's or each hierarchy's top, as `state` tells it. */
  readonly path: string;
  /**
   * Makes the groups and writes the limits; all or nothing.
   *
   * @throws `conflict` when processes are in the group already, or it is frozen; `unsupported` for a limit that this
   * machine does not have.
   */
  create(resources: Resources, options?: CreateCgroupOptions): Promise<void>;
  /** Changes the limits that `resources` has, of a running container too. @throws as `create`. */
  update(resources: Resources, options?: UpdateCgroupOptions): Promise<void>;
  /** Puts a process into the group, for who cannot write that itself (a user under systemd). */
  adopt(pid: number): Promise<void>;
  /** `made` is written down where who removes the groups will find it: their mark goes. */
  recorded(): void;
  /**
   * Removes what `create` made, all where that is not known; it must have no process, except with systemd, which ends
   * those. Idempotent.
   */
  remove(): Promise<void>;
  /** Removes what a killed `create` made before it was recorded, and nothing of another's of that name. Idempotent. */
  removeUnrecorded(): Promise<void>;
}

/** All of the groups go with the container: none was there before it. */
export function madeAll({ folders, made = [] }: Pick<Cgroup, "folders" | "made">): boolean {
  return folders.every(({ path }) => made.includes(path));
}
