import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost, CgroupMount } from "./cgroup-host.ts";

export interface DetectCgroupsOptions {
  /** Only hierarchies mounted at or below this folder count. Default `/sys/fs/cgroup`. */
  readonly root?: string;
  /** Text of `/proc/self/mountinfo`; read when absent. */
  readonly mountinfo?: string;
  /** Text of `/proc/self/cgroup`; read when absent. */
  readonly ownCgroups?: string;
}

/** A line of mountinfo that mounts a hierarchy (proc_pid_mountinfo(5)). */
interface MountedHierarchy {
  readonly version: 1 | 2;
  readonly root: string;
  readonly mountPoint: string;
  readonly superOptions: readonly string[];
}

/** Undoes mountinfo's octal escapes of space, tab, line feed and backslash. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The hierarchies that a mountinfo text lists, in its order; lines that are not understood are passed over. */
export function parseMountedHierarchies(mountinfo: string): readonly MountedHierarchy[] {
  const found: MountedHierarchy[] = [];
  for (const line of mountinfo.split("\n")) {
    // Optional fields end with a lone hyphen; what follows is the type, the source and the options of the file system.
    const [before, after] = line.split(" - ", 2);
    const [root, mountPoint] = before?.split(" ").slice(3, 5) ?? [];
    const [type, , superOptions] = after?.split(" ") ?? [];
    if (root === undefined || mountPoint === undefined) continue;
    if (type !== "cgroup" && type !== "cgroup2") continue;
    found.push({
      version: type === "cgroup" ? 1 : 2,
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      superOptions: superOptions?.split(",") ?? [],
    });
  }
  return found;
}

/**
 * A process's folders from the text of its `/proc/<pid>/cgroup` (cgroups(7)): for each controller, and for each named
 * hierarchy as `name=…`, its path; the v2 path is under the empty name.
 */
export function parseProcessCgroups(text: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of (match[2] ?? "").split(",")) paths.set(controller, match[3] ?? "/");
  }
  return paths;
}

/** Super block options of a v1 hierarchy that are not controllers (kernel/cgroup/cgroup-v1.c). */
const NOT_CONTROLLERS = new Set(["rw", "ro", "xattr", "none", "all", "noprefix", "clone_children", "cpuset_v2_mode"]);

function controllersOf(hierarchy: MountedHierarchy, known: ReadonlyMap<string, string>): readonly string[] {
  if (hierarchy.version === 1) {
    const options = hierarchy.superOptions.filter(
      (option) => !NOT_CONTROLLERS.has(option) && !option.startsWith("release_agent=") && !option.startsWith("favor"),
    );
    // The kernel's own list decides, where it has the name: an option of a newer kernel is no controller.
    const listed = options.filter((option) => known.has(option));
    return listed.length > 0 ? listed : options;
  }
  try {
    const text = readFileSync(join(hierarchy.mountPoint, "cgroup.controllers"), "utf8");
    return text.split(/\s+/).filter((name) => name !== "");
  } catch {
    return [];
  }
}

/** Where a path within a hierarchy is on this machine; undefined when it lies outside of what is mounted. */
export function locateGroup(
  hierarchy: Pick<MountedHierarchy, "root" | "mountPoint">,
  path: string | undefined,
): string | undefined {
  if (path === undefined || path.split("/").includes("..")) return undefined;
  const below = relative(hierarchy.root, path);
  return below.startsWith("..") ? undefined : join(hierarchy.mountPoint, below);
}

/**
 * Finds the machine's hierarchies of control groups and this process's place in them. Reads, changes nothing.
 *
 * @throws `unsupported` when none is mounted.
 */
export function detectCgroups(options: DetectCgroupsOptions = {}): CgroupHost {
  const root = options.root ?? "/sys/fs/cgroup";
  const own = parseProcessCgroups(options.ownCgroups ?? readFileSync("/proc/self/cgroup", "utf8"));
  const mounts: CgroupMount[] = [];
  const seen = new Set<string>();
  for (const hierarchy of parseMountedHierarchies(options.mountinfo ?? readFileSync("/proc/self/mountinfo", "utf8"))) {
    if (hierarchy.mountPoint !== root && !hierarchy.mountPoint.startsWith(`${root}/`)) continue;
    const controllers = controllersOf(hierarchy, own);
    // The same hierarchy may be mounted twice (`cpu` beside `cpu,cpuacct`); the first one does.
    const key = hierarchy.version === 2 ? "2" : [...controllers].sort().join(",");
    if (key === "" || seen.has(key)) continue;
    seen.add(key);
    mounts.push({
      version: hierarchy.version,
      controllers,
      mountPoint: hierarchy.mountPoint,
      root: hierarchy.root,
      ownPath: locateGroup(hierarchy, own.get(hierarchy.version === 2 ? "" : (controllers[0] ?? ""))),
    });
  }
  const versions = new Set(mounts.map((mount) => mount.version));
  if (mounts.length === 0) {
    throw new GantryError("unsupported", `no control groups are mounted below ${root}`, {
      hint: "mount them: mount -t cgroup2 none /sys/fs/cgroup",
    });
  }
  mounts.sort((a, b) => a.version - b.version);
  return { mode: versions.size === 2 ? "hybrid" : versions.has(2) ? "v2" : "v1", mounts };
}
