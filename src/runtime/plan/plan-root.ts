import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Linux } from "../../oci/runtime-spec.ts";
import { PROPAGATION, PROPAGATION_OPTIONS } from "./mount-options.ts";
import type { PlanStep } from "./steps.ts";

/** How "/" comes about. */
export type RootfsSource =
  | {
      readonly type: "overlay";
      /** Topmost first. */
      readonly lower: readonly string[];
      readonly upper: string;
      readonly work: string;
      /** Mount it as kernels before 6.7 need it. The helper finds out by itself; this is for its test. */
      readonly legacy?: boolean;
    }
  | { readonly type: "bind"; readonly path: string };

const P = PROPAGATION;

/** MS_… flags of `linux.rootfsPropagation`, 0 without one. */
function rootPropagation(linux: Linux): number {
  const name = linux.rootfsPropagation;
  if (name === undefined || (name as string) === "") return 0;
  const flags = Object.hasOwn(PROPAGATION_OPTIONS, name) ? PROPAGATION_OPTIONS[name] : undefined;
  if (flags === undefined)
    throw new GantryError("invalid-argument", `linux.rootfsPropagation: no such propagation: "${name}"`);
  return flags;
}

/**
 * How the container's copies of the host's mounts are tied to them. Nothing of ours may reach the host, unless the
 * specification wants mounts to be shared with it.
 */
export function hostPropagation(linux: Linux): number {
  const flags = rootPropagation(linux);
  if (flags & P.shared) return 0;
  return (flags === (P.private | P.recursive) ? P.private : P.slave) | P.recursive;
}

/** Parts the new mount namespace from the host's. */
export function planPropagation(linux: Linux): PlanStep[] {
  const flags = hostPropagation(linux);
  return [{ op: "set-propagation", flags, cause: "linux.rootfsPropagation", task: "part the mounts from the host's" }];
}

/**
 * The root itself follows what the host mounts on it only when it is said to.
 *
 * @param label of SELinux for an overlay; `""`: the policy's own.
 */
export function planRootfs(rootfs: RootfsSource, linux: Linux, label = ""): PlanStep {
  if (rootfs.type === "bind")
    return {
      op: "root-bind",
      propagation: rootPropagation(linux) & P.slave ? P.slave : P.private,
      path: rootfs.path,
      cause: "root.path",
      task: `bind the root "${rootfs.path}"`,
    };
  if (rootfs.lower.length === 0) throw new GantryError("invalid-argument", "root: an overlay needs a lower layer");
  return {
    op: "root-overlay",
    legacy: rootfs.legacy ? 1 : 0,
    label,
    upper: rootfs.upper,
    work: rootfs.work,
    lower: rootfs.lower,
    cause: "root.path",
    task: "mount the overlay of the root",
  };
}

/**
 * Makes the new root "/".
 *
 * @param kernelMounts the mounts of {@link findKernelMounts}, for a host whose root cannot be pivoted away from (a
 *   ramdisk): there the old root stays below the new one, and what could be read through it is taken off.
 */
export function planEnterRoot(kernelMounts?: readonly string[]): PlanStep[] {
  if (kernelMounts === undefined) return [{ op: "pivot-root", cause: "root", task: "change the root" }];
  const cause = "--no-pivot";
  return [
    ...kernelMounts.map(
      (path): PlanStep => ({ op: "detach-path", path, cause, task: `take the host's "${path}" away` }),
    ),
    { op: "move-root", cause, task: "change the root without pivot_root" },
  ];
}

/** Last words about the root, in itself. */
export function planSealRoot(linux: Linux, isReadOnly: boolean): PlanStep[] {
  const steps: PlanStep[] = [];
  if (isReadOnly) steps.push({ op: "readonly-root", cause: "root.readonly", task: "make the root read-only" });
  const flags = rootPropagation(linux);
  if (flags !== 0 && flags !== P.private)
    steps.push({
      op: "root-propagation",
      flags,
      cause: "linux.rootfsPropagation",
      task: `make the root ${linux.rootfsPropagation}`,
    });
  return steps;
}

/**
 * Where the host has whole proc and sysfs file systems, outside of the container's root: for {@link planEnterRoot}.
 *
 * @param mountInfo text of /proc/self/mountinfo: proc(5).
 */
export function findKernelMounts(mountInfo: string, rootfs: string): string[] {
  return mountInfo.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, place = ""] = before.split(" ");
    const path = place.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    const isKernels = root === "/" && ["proc", "sysfs"].includes(after.split(" ")[0] ?? "");
    const isInside = path === rootfs || path.startsWith(`${rootfs === "/" ? "" : rootfs}/`);
    return isKernels && !isInside ? [path] : [];
  });
}

/** A path of `config.json` that may begin at the bundle. */
export function resolveInBundle(path: string, bundle: string): string {
  return posix.resolve(bundle, path);
}
