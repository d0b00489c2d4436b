import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { NO_SECURITY_MODULES, type SecurityFacts } from "../../linux/security/security-facts.ts";
import type { Hooks, Linux, NamespaceType, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { planLandlock } from "../landlock/plan-landlock.ts";
import { NAMESPACE_FLAGS, namespaceFlag } from "./namespaces.ts";
import { parseTarget } from "./parse-target.ts";
import type { CgroupFolder } from "./plan-cgroup-mounts.ts";
import { planDevices } from "./plan-devices.ts";
import { checkMountLabel, planLabels } from "./plan-labels.ts";
import { planLink } from "./plan-link.ts";
import { isBindMount, planMounts } from "./plan-mounts.ts";
import { planListenerStep, planProcess, type SeccompFilter } from "./plan-process.ts";
import { planEnterRoot, planPropagation, planRootfs, planSealRoot, type RootfsSource } from "./plan-root.ts";
import type { Plan, PlanStep } from "./steps.ts";

export interface ContainerPlanOptions {
  /** An overlay assembled in the container's own mount namespace, or a folder bound. */
  readonly rootfs: RootfsSource;
  /** Folders that exist already with their limits written; the process is put into them (v1: several; v2: one). */
  readonly cgroups: readonly CgroupFolder[];
  /** The compiled seccomp program, if any. */
  readonly seccomp?: SeccompFilter;
  /**
   * Put a tiny init (pid 1 that reaps and forwards signals; Docker's --init) before the process.
   *
   * @default false
   */
  readonly init?: boolean;
  /**
   * Links to be made in the root filesystem where nothing has their name, below all mounts: path and target.
   *
   * @default none
   */
  readonly links?: readonly (readonly [path: string, target: string])[];
  /**
   * What the kernel has of mandatory access control; what it lacks is refused.
   *
   * @default nothing
   */
  readonly security?: SecurityFacts;
  /**
   * The folder that relative sources of bind mounts begin at.
   *
   * @default they are refused
   */
  readonly bundle?: string;
  /**
   * Change the root without pivot_root(2), and take these mounts of the host away first (`findKernelMounts`).
   *
   * @default pivot_root(2)
   */
  readonly withoutPivot?: readonly string[];
  /**
   * The host has a /proc/kcore: /dev/core is a link to it.
   *
   * @default false
   */
  readonly hasKcore?: boolean;
}

/** Why and in what order: the barrier parts what assembles the container from what becomes its program. */
export function planContainer(spec: RuntimeSpec, options: ContainerPlanOptions): Plan {
  const linux = spec.linux ?? {};
  const process = spec.process;
  if (process === undefined) throw new GantryError("invalid-argument", "process: missing");
  refuseWhatIsMissing(spec.hooks, linux);
  const { security = NO_SECURITY_MODULES } = options;
  const label = checkMountLabel(linux, security);
  const mounts = planMounts(spec.mounts ?? [], { cgroups: options.cgroups, linux, label, bundle: options.bundle });
  return {
    steps: [
      ...planListenerStep(options.seccomp),
      ...planNamespaces(linux, planCgroups(options.cgroups)),
      ...planPropagation(linux),
      ...mounts.sources,
      planRootfs(options.rootfs, linux, label),
      ...(options.links ?? []).map(([path, target]) => planLink(path, target, "root")),
      ...mounts.mounts,
      ...(hasOwnDevices(spec) ? [] : planDevices(linux.devices ?? [], options)),
      ...(process.terminal
        ? [{ op: "open-console", bind: 1, cause: "process.terminal", task: "open the terminal" } as const]
        : []),
      {
        op: "make-directory",
        mode: 0o755,
        path: posix.normalize(process.cwd),
        cause: "process.cwd",
        task: `make the working directory "${process.cwd}"`,
      },
      ...mounts.late,
      ...planEnterRoot(options.withoutPivot),
      ...planKernel(spec, linux),
      ...planLabels(process, security),
      ...planHidden(spec, linux, label),
      { op: "barrier", cause: "start", task: "wait for the start" },
      ...planProcess(process, { ...options, landlock: planLandlock(spec.annotations, security.landlockAbi) }),
    ],
  };
}

/** A folder of the host's bound at /dev is what it is: nothing is made in it (runc: libcontainer/rootfs_linux.go, needsSetupDev). */
function hasOwnDevices(spec: RuntimeSpec): boolean {
  return (spec.mounts ?? []).some(
    (mount) => isBindMount(mount) && posix.normalize(`/${mount.destination}/`) === "/dev/",
  );
}

function refuseWhatIsMissing(hooks: Hooks | undefined, linux: Linux): void {
  for (const [name, list] of Object.entries(hooks ?? {}))
    if (Array.isArray(list) && list.length > 0)
      throw new GantryError("unsupported", `hooks.${name}: hooks are not supported yet`);
  for (const name of ["uidMappings", "gidMappings"] as const)
    if ((linux[name]?.length ?? 0) > 0)
      throw new GantryError("unsupported", `linux.${name}: user namespaces are not supported yet`);
}

/** @param cgroups entered as early as can be: nothing that is joined may hide their folders. */
function planNamespaces(linux: Linux, cgroups: readonly PlanStep[]): PlanStep[] {
  const steps: PlanStep[] = [...cgroups];
  const seen = new Set<NamespaceType>();
  let flags = 0;
  (linux.namespaces ?? []).forEach(({ type, path }, index) => {
    const cause = `linux.namespaces[${index}]`;
    const flag = namespaceFlag(type, cause);
    if (seen.has(type)) throw new GantryError("invalid-argument", `${cause}: a second ${type} namespace`);
    seen.add(type);
    if (path === undefined || path === "") flags |= flag;
    else if (type === "mount")
      throw new GantryError("unsupported", `${cause}.path: joining a mount namespace is not supported`);
    else steps.push({ op: "join-namespace", kind: flag, path, cause, task: `join the ${type} namespace ${path}` });
  });
  if (!(flags & NAMESPACE_FLAGS.mount))
    throw new GantryError("unsupported", "linux.namespaces: a container without a mount namespace is not supported");
  // A cgroup namespace shows the cgroup that one was in when it was made: only once init is in its own.
  const early = flags & ~NAMESPACE_FLAGS.cgroup;
  const cause = "linux.namespaces";
  steps.unshift({ op: "clone-namespaces", flags: early, cause, task: "create the namespaces" });
  if (flags & NAMESPACE_FLAGS.cgroup)
    steps.push({ op: "unshare", flags: NAMESPACE_FLAGS.cgroup, cause, task: "create the cgroup namespace" });
  return steps;
}

/** Steps that put init into its cgroups; exec uses them too. */
export function planCgroups(cgroups: readonly CgroupFolder[]): PlanStep[] {
  return cgroups.map(({ version, path }) => ({
    op: "enter-cgroup",
    version,
    path,
    cause: "linux.cgroupsPath",
    task: `enter the cgroup ${path}`,
  }));
}

function planKernel(spec: RuntimeSpec, linux: Linux): PlanStep[] {
  const steps: PlanStep[] = [];
  for (const [name, value] of Object.entries(linux.sysctl ?? {})) {
    const cause = `linux.sysctl["${name}"]`;
    // Slashes are as good as dots, and the first of either decides what the other means: sysctl.d(5).
    const isDotted = name.indexOf(".") >= 0 && (name.indexOf("/") < 0 || name.indexOf(".") < name.indexOf("/"));
    const path = isDotted ? name.replace(/[./]/g, (letter) => (letter === "." ? "/" : ".")) : name;
    if (
      !/^[a-zA-Z0-9_.:/-]+$/.test(path) ||
      path.split("/").some((part) => part === "" || part === ".." || part === ".")
    )
      throw new GantryError("invalid-argument", `${cause}: not a name of a sysctl`);
    steps.push({ op: "sysctl", path: `sys/${path}`, value, cause, task: `set the sysctl ${name}` });
  }
  if (spec.hostname)
    steps.push({
      op: "set-hostname",
      name: spec.hostname,
      cause: "hostname",
      task: `set the host name "${spec.hostname}"`,
    });
  if (spec.domainname)
    steps.push({
      op: "set-domainname",
      name: spec.domainname,
      cause: "domainname",
      task: `set the domain name "${spec.domainname}"`,
    });
  return steps;
}

function planHidden(spec: RuntimeSpec, linux: Linux, label: string): PlanStep[] {
  const steps: PlanStep[] = [];
  (linux.readonlyPaths ?? []).forEach((text, index) => {
    const cause = `linux.readonlyPaths[${index}]`;
    const path = parseTarget(text, cause);
    steps.push({ op: "readonly-path", path, cause, task: `make "${path}" read-only` });
  });
  (linux.maskedPaths ?? []).forEach((text, index) => {
    const cause = `linux.maskedPaths[${index}]`;
    const path = parseTarget(text, cause);
    steps.push({ op: "mask-path", label, path, cause, task: `mask "${path}"` });
  });
  steps.push(...planSealRoot(linux, spec.root?.readonly ?? false));
  return steps;
}
