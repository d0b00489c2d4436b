import { posix } from "node:path";
import type { Linux, Mount } from "../../oci/runtime-spec.ts";
import { MOUNT_ATTRIBUTES, type MountOptions, PROPAGATION } from "./mount-options.ts";
import type { PlanStep } from "./steps.ts";

/** A folder of the container's in one cgroup hierarchy. */
export interface CgroupFolder {
  readonly version: 1 | 2;
  readonly path: string;
}

/** What a mount of cgroups is made of. */
export interface CgroupMountSteps {
  /** A folder of the host's at a place of the container's. */
  bind(source: string, target: string, options: MountOptions): void;
  /** A file system of its own. */
  create(type: string, target: string, options: MountOptions): void;
  add(step: PlanStep): void;
}

const A = MOUNT_ATTRIBUTES;
const CONFINED = A.noSuid | A.noDev | A.noExec;

/** The folder under /sys/fs/cgroup that a hierarchy is mounted at. */
function hierarchyName(folder: CgroupFolder): string {
  return (
    /^\/sys\/fs\/cgroup\/([^/]+)/.exec(folder.path)?.[1] ??
    (folder.version === 2 ? "unified" : posix.basename(folder.path))
  );
}

function hasNamespace(linux: Linux, type: "cgroup" | "user"): boolean {
  return (linux.namespaces ?? []).some((namespace) => namespace.type === type);
}

/**
 * Plans a mount of type `cgroup` or `cgroup2`, by what the host has:
 *
 * - v1, with or without v2 beside it: a tmpfs with one folder for each hierarchy, and links for controllers that share one;
 * - v2 alone: the hierarchy, whole where the container has no cgroup namespace, as /proc/self/cgroup names it there.
 *
 * The container's own folder is bound rather than mounted anew: it is the same view that a cgroup namespace gives, and a
 * user namespace may not mount all of it. Where there is no such folder, a container that is confined by no namespace
 * gets nothing to see, and never the host's folders (CVE-2023-25809).
 */
export function planCgroupMount(
  mount: Mount,
  place: { readonly target: string; readonly options: MountOptions; readonly cause: string },
  context: {
    readonly cgroups: readonly CgroupFolder[];
    readonly cgroupOptions?: readonly string[] | undefined;
    readonly linux: Linux;
    readonly steps: CgroupMountSteps;
  },
): void {
  const { target, options } = place;
  const { cgroups, cgroupOptions = [], linux, steps } = context;
  const unified = cgroups.find(({ version }) => version === 2);
  if (mount.type === "cgroup2" || (unified !== undefined && cgroups.length === 1)) {
    const isIsolated = hasNamespace(linux, "cgroup");
    const isPrivileged = !hasNamespace(linux, "user");
    // In the host's cgroup namespace whoever mounts it decides on its options (cgroup-v2.rst, "Mounting").
    if (!isIsolated && isPrivileged)
      steps.create("cgroup2", target, { ...options, data: [...new Set([...options.data, ...cgroupOptions])] });
    else if (unified !== undefined) steps.bind(unified.path, target, bound(options));
    else if (isIsolated) steps.create("cgroup2", target, options);
    else planNothing(target, options, steps);
  } else if (cgroups.length === 0) planNothing(target, options, steps);
  else planHierarchies(place, cgroups, steps);
}

/** A bind of a mount that the host shares would follow what the host mounts below it. */
function bound(options: MountOptions): MountOptions {
  const propagation = options.propagation.length > 0 ? options.propagation : [PROPAGATION.private];
  return { ...options, bind: "bind", propagation, superblock: [], data: [] };
}

function planNothing(target: string, options: MountOptions, steps: CgroupMountSteps): void {
  steps.create("tmpfs", target, {
    ...options,
    attributes: { set: CONFINED | A.readOnly, clear: 0 },
    superblock: [],
    data: ["mode=555", "size=4k", "nr_inodes=2"],
  });
}

function planHierarchies(
  place: { readonly target: string; readonly options: MountOptions; readonly cause: string },
  cgroups: readonly CgroupFolder[],
  steps: CgroupMountSteps,
): void {
  const { target, options, cause } = place;
  const task = `mount cgroups on "${target}"`;
  steps.create("tmpfs", target, {
    ...options,
    attributes: { set: (options.attributes.set & ~A.readOnly) | CONFINED, clear: 0 },
    superblock: [],
    data: ["mode=755", "size=64k"],
  });
  for (const folder of cgroups) {
    const name = hierarchyName(folder);
    steps.bind(folder.path, `${target}/${name}`, bound(options));
    for (const alias of name.includes(",") ? name.split(",") : [])
      steps.add({ op: "make-link", replace: 0, path: `${target}/${alias}`, target: name, cause, task });
  }
  if (options.attributes.set & A.readOnly) steps.add({ op: "readonly-path", path: target, cause, task });
}
