import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Mount } from "../../oci/runtime-spec.ts";
import { type MountOptions, PROPAGATION, parseMountOptions } from "./mount-options.ts";
import { PLAN_LIMITS, type PlanStep } from "./steps.ts";

/** linux/magic.h and ipc/mqueue.c: what statfs(2) says of a file system of message queues. */
const MQUEUE_MAGIC = 0x19800202;
/** One for the whole system, or labelled file by file by the policy: the kernel takes no label at their mount. */
const WITHOUT_CONTEXT = new Set(
  "proc sysfs mqueue securityfs selinuxfs debugfs tracefs configfs binfmt_misc pstore efivarfs".split(" "),
);

/** The option of a new mount that labels all of it. */
function planContext(type: string, label: string, options: readonly string[] = []): string[] {
  const isChosen = options.some((option) => /^(def|fs|root)?context=/.test(option));
  return label === "" || isChosen || WITHOUT_CONTEXT.has(type) ? [] : [`context=${label}`];
}

/** A folder of the container's in one cgroup hierarchy. */
export interface CgroupFolder {
  readonly version: 1 | 2;
  readonly path: string;
}

/** Steps for all mounts: host paths are opened first (`sources`), before the root exists; `mounts` come after it. */
export interface MountSteps {
  readonly sources: readonly PlanStep[];
  readonly mounts: readonly PlanStep[];
}

/** What may be mounted inside of /proc: files that lxcfs and the like replace (as runc allows them). */
const ALLOWED_IN_PROC = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo sys/kernel/ns_last_pid sys/crypto/fips_enabled"
    .split(" ")
    .map((name) => `/proc/${name}`),
);

class MountPlanner {
  readonly sources: PlanStep[] = [];
  readonly mounts: PlanStep[] = [];
  readonly #cgroups: readonly CgroupFolder[];
  readonly #label: string;

  constructor(cgroups: readonly CgroupFolder[], label: string) {
    this.#cgroups = cgroups;
    this.#label = label;
  }

  add(mount: Mount, cause: string): void {
    const options = parseMountOptions(mount.options ?? [], `${cause}.options`);
    const target = parseTarget(mount.destination, `${cause}.destination`);
    if (mount.type === "bind" || mount.type === "none" || options.bind !== "no") {
      this.#addBind(mount, target, options, cause);
    } else if (mount.type === "cgroup" || mount.type === "cgroup2") {
      this.#addCgroups(target, options, cause);
    } else {
      this.#addNew(mount, target, options, cause);
    }
  }

  #addBind(mount: Mount, target: string, options: MountOptions, cause: string): void {
    const source = mount.source;
    if (source === undefined || !posix.isAbsolute(source))
      throw new GantryError(
        "invalid-argument",
        `${cause}.source: a bind mount needs an absolute path, not "${source ?? ""}"`,
      );
    if (target.startsWith("/proc/") && !ALLOWED_IN_PROC.has(target))
      throw new GantryError(
        "invalid-argument",
        `${cause}.destination: "${target}" is inside of /proc, where no mount may hide the kernel's files`,
      );
    this.#bind(source, target, options, cause);
  }

  #bind(source: string, target: string, options: MountOptions, cause: string): void {
    const slot = this.sources.length;
    if (slot >= PLAN_LIMITS.slots)
      throw new GantryError("invalid-argument", `${cause}: more than ${PLAN_LIMITS.slots} bind mounts`);
    const task = `mount "${source}" on "${target}"`;
    this.sources.push({
      op: "open-source",
      slot,
      recursive: options.bind === "bind" ? 0 : 1,
      path: source,
      cause,
      task,
    });
    this.mounts.push({
      op: "mount-source",
      slot,
      set: options.attributes.set,
      clear: options.attributes.clear,
      recursiveSet: options.recursive.set,
      recursiveClear: options.recursive.clear,
      propagation: options.propagation,
      overProc: ALLOWED_IN_PROC.has(target) ? 1 : 0,
      isProc: target === "/proc" ? 1 : 0,
      target,
      cause,
      task,
    });
  }

  #addNew(mount: Mount, target: string, options: MountOptions, cause: string): void {
    const type = mount.type;
    if (type === undefined || type === "") throw new GantryError("invalid-argument", `${cause}.type: missing`);
    if (target.startsWith("/proc/"))
      throw new GantryError("invalid-argument", `${cause}.destination: "${target}" is inside of /proc`);
    if (target === "/proc" && type !== "proc")
      throw new GantryError("invalid-argument", `${cause}.destination: only a proc file system can be at /proc`);
    if (options.recursive.set !== 0 || options.recursive.clear !== 0)
      throw new GantryError("invalid-argument", `${cause}.options: recursive options are for bind mounts`);
    this.mounts.push({
      op: "mount-new",
      attributes: options.attributes.set,
      propagation: options.propagation,
      type,
      source: mount.source ?? type,
      target,
      options: [...options.data, ...planContext(type, this.#label, options.data)],
      cause,
      task: `mount ${type} on "${target}"`,
    });
    if (type === "mqueue" && this.#label !== "")
      this.mounts.push({
        op: "label-root-of-mount",
        magic: MQUEUE_MAGIC,
        label: this.#label,
        path: target,
        cause: "linux.mountLabel",
        task: `label "${target}"`,
      });
  }

  /**
   * The container's own folder of each hierarchy, as a bind mount: the same view that a cgroup mount in a cgroup
   * namespace has, and it needs no such namespace. A single v2 folder is the whole of `target`.
   */
  #addCgroups(target: string, options: MountOptions, cause: string): void {
    // A bind of a mount that the host shares would follow what the host mounts below it.
    const propagation = options.propagation || PROPAGATION.private;
    const bound: MountOptions = { ...options, bind: "bind", propagation, data: [] };
    const only = this.#cgroups[0];
    if (only?.version === 2 && this.#cgroups.length === 1) {
      this.#bind(only.path, target, bound, cause);
      return;
    }
    const task = `mount cgroups on "${target}"`;
    const attributes = options.attributes.set & ~1;
    this.mounts.push({
      op: "mount-new",
      attributes,
      propagation: 0,
      type: "tmpfs",
      source: "tmpfs",
      target,
      options: ["mode=755", "size=64k", ...planContext("tmpfs", this.#label)],
      cause,
      task,
    });
    for (const folder of this.#cgroups) {
      const name = hierarchyName(folder);
      this.#bind(folder.path, `${target}/${name}`, bound, cause);
      for (const alias of name.includes(",") ? name.split(",") : [])
        this.mounts.push({ op: "make-link", path: `${target}/${alias}`, target: name, cause, task });
    }
    if (options.attributes.set & 1) this.mounts.push({ op: "readonly-path", path: target, cause, task });
  }
}

/** The folder under /sys/fs/cgroup that a hierarchy is mounted at. */
function hierarchyName(folder: CgroupFolder): string {
  return (
    /^\/sys\/fs\/cgroup\/([^/]+)/.exec(folder.path)?.[1] ??
    (folder.version === 2 ? "unified" : posix.basename(folder.path))
  );
}

/** An absolute, clean path inside of the container; `..` never leaves it. */
export function parseTarget(destination: string, path: string): string {
  if (!destination.startsWith("/"))
    throw new GantryError("invalid-argument", `${path}: "${destination}" is not an absolute path`);
  const target = posix.normalize(destination).replace(/(?<=.)\/$/, "");
  if (target === "/") throw new GantryError("invalid-argument", `${path}: a mount cannot replace "/"`);
  return target;
}

/**
 * Plans the specification's mounts, in its order.
 *
 * @param label of SELinux for the file systems that are made for the container; `""`: the policy's own.
 */
export function planMounts(mounts: readonly Mount[], cgroups: readonly CgroupFolder[], label = ""): MountSteps {
  const planner = new MountPlanner(cgroups, label);
  mounts.forEach((mount, index) => {
    planner.add(mount, `mounts[${index}]`);
  });
  return planner;
}
