import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Linux, Mount } from "../../oci/runtime-spec.ts";
import { labelMount, planContext } from "./mount-label.ts";
import { MOUNT_ATTRIBUTES, type MountOptions, parseMountOptions } from "./mount-options.ts";
import { parseTarget } from "./parse-target.ts";
import { type CgroupFolder, type CgroupMountSteps, planCgroupMount } from "./plan-cgroup-mounts.ts";
import { planIdMap } from "./plan-id-map.ts";
import { hostPropagation } from "./plan-root.ts";
import { PLAN_LIMITS, type PlanStep } from "./steps.ts";

/** Steps for all mounts, by when they are run. */
export interface MountSteps {
  /** Host paths are opened first, before the root exists. */
  readonly sources: readonly PlanStep[];
  readonly mounts: readonly PlanStep[];
  /** Once everything is in its place: read-only file systems that were written to until now. */
  readonly late: readonly PlanStep[];
  /** What the specification has deprecated, or should not be so. */
  readonly warnings: readonly string[];
}

export interface MountContext {
  /** The container's own folders. */
  readonly cgroups: readonly CgroupFolder[];
  /** What the host's v2 hierarchy was mounted with: a mount of it decides that anew, for the whole machine. @default none */
  readonly cgroupOptions?: readonly string[] | undefined;
  readonly linux: Linux;
  /** Of SELinux, for the file systems that are made for the container. @default the policy's own */
  readonly label?: string;
  /** The folder that relative sources begin at. Without it they are refused. */
  readonly bundle?: string;
}

const A = MOUNT_ATTRIBUTES;

/** Attributes that a bind mount with any wish loses unless it wishes for them (runc: libcontainer/rootfs_linux.go, mountToRootfs). */
const IMPLIED = A.readOnly | A.noSuid | A.noDev | A.noExec | A.noSymlinkFollow;

/** Superblocks that the whole of a namespace shares: one container that wants to read only must not decide for the next. */
const SHARED_TYPES = new Set(["proc", "sysfs", "mqueue", "cgroup", "cgroup2"]);

/** What may be mounted inside of /proc: files that lxcfs and the like replace (as runc allows them). */
const ALLOWED_IN_PROC = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo sys/kernel/ns_last_pid sys/crypto/fips_enabled"
    .split(" ")
    .map((name) => `/proc/${name}`),
);

export function isBindMount(mount: Mount, options = parseMountOptions(mount.options ?? [])): boolean {
  return mount.type === "bind" || options.bind !== "no";
}

class MountPlanner {
  readonly sources: PlanStep[] = [];
  readonly mounts: PlanStep[] = [];
  readonly late: PlanStep[] = [];
  readonly warnings: string[] = [];
  readonly #context: MountContext;
  #slots = 0;

  constructor(context: MountContext) {
    this.#context = context;
  }

  add(mount: Mount, cause: string): void {
    const options = parseMountOptions(mount.options ?? []);
    const target = parseTarget(mount.destination, `${cause}.destination`);
    if (!posix.isAbsolute(mount.destination))
      this.warnings.push(
        `${cause}.destination: "${mount.destination}" is not absolute, which is deprecated: it begins at "/"`,
      );
    if (target.startsWith("/proc/") && !(isBindMount(mount, options) && ALLOWED_IN_PROC.has(target)))
      throw new GantryError(
        "invalid-argument",
        `${cause}.destination: "${target}" is inside of /proc, where no mount may hide the kernel's files`,
      );
    if (options.isRemount) this.#remount(mount, target, options, cause);
    else if (isBindMount(mount, options)) this.#bind(mount, target, options, cause);
    else this.#addNew(mount, target, options, cause);
  }

  #takeSlot(cause: string): number {
    if (this.#slots >= PLAN_LIMITS.slots)
      throw new GantryError("invalid-argument", `${cause}: more than ${PLAN_LIMITS.slots} bind mounts`);
    return this.#slots++;
  }

  #bind(mount: Mount, target: string, options: MountOptions, cause: string): void {
    const source = this.#hostPath(mount, cause);
    // The kernel passes over them, and so does runc: the validation suite has such a mount.
    if (options.data.length > 0)
      this.warnings.push(
        `${cause}.options: a bind mount has no options of a file system: "${options.data[0]}" has no effect`,
      );
    const { linux } = this.#context;
    const slot = this.#takeSlot(cause);
    const task = `mount "${source}" on "${target}"`;
    const hasUser = (linux.namespaces ?? []).some(({ type }) => type === "user");
    this.sources.push({
      op: "open-source",
      slot,
      recursive: options.bind === "bind" ? 0 : 1,
      propagation: hasUser ? hostPropagation(linux) : 0,
      path: source,
      cause,
      task,
    });
    this.sources.push(...planIdMap(mount, options, { slot, linux, cause }));
    const { set, clear } = options.attributes;
    // Inside of a user namespace such attributes may be locked, and stay.
    const implied = (set | clear) === 0 || hasUser ? 0 : IMPLIED & ~(set | clear);
    this.mounts.push({
      op: "mount-source",
      slot,
      keep: options.propagation.length > 1 ? 1 : 0,
      set,
      clear,
      implied,
      recursiveSet: options.recursive.set,
      recursiveClear: options.recursive.clear,
      propagation: options.propagation[0] ?? 0,
      overProc: ALLOWED_IN_PROC.has(target) ? 1 : 0,
      isProc: target === "/proc" ? 1 : 0,
      target,
      cause,
      task,
    });
    this.#propagate(slot, options, { cause, task });
  }

  #hostPath(mount: Mount, cause: string): string {
    const { source } = mount;
    const { bundle } = this.#context;
    if (source !== undefined && posix.isAbsolute(source)) return source;
    if (source === undefined || source === "" || bundle === undefined)
      throw new GantryError(
        "invalid-argument",
        `${cause}.source: a bind mount needs ${bundle === undefined ? "an absolute" : "a"} path, not "${source ?? ""}"`,
      );
    return posix.join(bundle, source);
  }

  /** Each after the one before it: slave and then shared makes both. */
  #propagate(slot: number, options: MountOptions, origin: { readonly cause: string; readonly task: string }): void {
    for (const propagation of options.propagation.slice(1))
      this.mounts.push({ op: "change-mount", slot, set: 0, clear: 0, propagation, ...origin });
  }

  #addNew(mount: Mount, target: string, options: MountOptions, cause: string): void {
    const { type } = mount;
    if (type === undefined || type === "") throw new GantryError("invalid-argument", `${cause}.type: missing`);
    if (options.idMap !== "no" || (mount.uidMappings?.length ?? 0) > 0 || (mount.gidMappings?.length ?? 0) > 0)
      throw new GantryError("invalid-argument", `${cause}: ids are mapped for bind mounts alone`);
    if (options.isCopyUp && type !== "tmpfs")
      throw new GantryError("invalid-argument", `${cause}.options: "tmpcopyup" is for a tmpfs, not for ${type}`);
    if (type === "cgroup" || type === "cgroup2") {
      const { cgroups, cgroupOptions, linux } = this.#context;
      const steps: CgroupMountSteps = {
        bind: (source, place, how) => this.#bind({ destination: place, source, options: [] }, place, how, cause),
        create: (kind, place, how) =>
          this.#create({ ...mount, type: kind, source: kind === "tmpfs" ? kind : mount.source }, place, how, cause),
        add: (step) => this.mounts.push(step),
      };
      planCgroupMount(mount, { target, options, cause }, { cgroups, cgroupOptions, linux, steps });
      return;
    }
    if (target === "/proc" && type !== "proc")
      throw new GantryError("invalid-argument", `${cause}.destination: only a proc file system can be at /proc`);
    this.#create(mount, target, options, cause);
  }

  #create(mount: Mount, target: string, options: MountOptions, cause: string): void {
    const type = mount.type ?? "";
    const set = options.attributes.set | options.recursive.set;
    const isReadOnly = (set & A.readOnly) !== 0;
    // Other mounts, devices and copies come into it yet.
    const isLate = isReadOnly && (type === "tmpfs" || target === "/dev");
    const origin = { cause, task: `mount ${type} on "${target}"` };
    const keep = isLate || options.propagation.length > 1;
    const slot = keep ? this.#takeSlot(cause) : 0;
    this.mounts.push({
      op: "mount-new",
      slot,
      keep: keep ? 1 : 0,
      copyUp: options.isCopyUp ? 1 : 0,
      inheritMode: type === "tmpfs" && !options.data.some((option) => option.startsWith("mode=")) ? 1 : 0,
      attributes: isLate ? set & ~A.readOnly : set,
      propagation: options.propagation[0] ?? 0,
      type,
      source: mount.source || type,
      target,
      options: [
        ...(isReadOnly && !isLate && !SHARED_TYPES.has(type) ? ["ro"] : []),
        ...superblockOptions(type, options),
        ...options.data,
        ...planContext(type, this.#context.label ?? "", options.data),
      ],
      ...origin,
    });
    this.mounts.push(...labelMount(type, this.#context.label ?? "", { target, linux: this.#context.linux }));
    this.#propagate(slot, options, origin);
    if (isLate) this.late.push({ op: "change-mount", slot, set: A.readOnly, clear: 0, propagation: 0, ...origin });
  }

  /** What mount(2) does with MS_REMOUNT: what is not wished for is not there afterwards. */
  #remount(mount: Mount, target: string, options: MountOptions, cause: string): void {
    const { set, clear } = options.attributes;
    const isBind = isBindMount(mount, options);
    const task = `remount "${target}"`;
    this.mounts.push({
      op: "remount",
      superblock: isBind ? 0 : 1,
      set,
      clear: clear | (IMPLIED & ~set),
      target,
      options: isBind
        ? []
        : [set & A.readOnly ? "ro" : "rw", ...superblockOptions(mount.type ?? "", options), ...options.data],
      cause,
      task,
    });
  }
}

/** `iversion` is an option of ext4 alone; others that count versions always do (and mount(2) took it from everybody). */
function superblockOptions(type: string, options: MountOptions): string[] {
  return options.superblock.flatMap((flag) => (flag !== "iversion" ? [flag] : type === "ext4" ? ["i_version"] : []));
}

/** Plans the specification's mounts, in its order. */
export function planMounts(mounts: readonly Mount[], context: MountContext): MountSteps {
  const planner = new MountPlanner(context);
  mounts.forEach((mount, index) => {
    planner.add(mount, `mounts[${index}]`);
  });
  return planner;
}
