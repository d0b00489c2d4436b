import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { NO_SECURITY_MODULES, type SecurityFacts } from "../../linux/security/security-facts.ts";
import type { Hooks, Linux, NamespaceType, RuntimeSpec, User } from "../../oci/runtime-spec.ts";
import { planLandlock } from "../landlock/plan-landlock.ts";
import { parseTarget } from "./parse-target.ts";
import { planAttributes, planKeyring } from "./plan-attributes.ts";
import type { CgroupFolder } from "./plan-cgroup-mounts.ts";
import { planDevices } from "./plan-devices.ts";
import { type HookState, planHooks } from "./plan-hooks.ts";
import { checkMountLabel, planKeyLabel, planLabels } from "./plan-labels.ts";
import { type LaunchOptions, planLaunch } from "./plan-launch.ts";
import { planLink } from "./plan-link.ts";
import { isBindMount, planMounts } from "./plan-mounts.ts";
import { planNamespaces } from "./plan-namespaces.ts";
import { type MovableLink, planNetDevices } from "./plan-net-devices.ts";
import { planListenerStep, planProcess, processWarnings, type SeccompFilter } from "./plan-process.ts";
import { planEnterRoot, planPropagation, planRootfs, planSealRoot, type RootfsSource } from "./plan-root.ts";
import { planKernel } from "./plan-sysctls.ts";
import type { Caller } from "./plan-user-namespace.ts";
import type { Plan, PlanStep } from "./steps.ts";

export interface ContainerPlanOptions {
  /** An overlay assembled in the container's own mount namespace, or a folder bound. */
  readonly rootfs: RootfsSource;
  /** Folders that exist already with their limits written; the process is put into them (v1: several; v2: one). */
  readonly cgroups: readonly CgroupFolder[];
  /** Options of the host's v2 hierarchy: see `MountContext`. @default none */
  readonly cgroupOptions?: readonly string[];
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
  /**
   * The ordinary user whose container it is.
   *
   * @default root's
   */
  readonly caller?: Caller;
  /**
   * What the session keyring is called after, for execs to join it; `none`: keep the caller's keyring.
   *
   * @default a keyring without a name
   */
  readonly keyring?: string | "none";
  /** Kinds of namespaces whose path leads to the caller's own. */
  readonly ownNamespaces?: ReadonlySet<NamespaceType>;
  /** The host's interfaces that `linux.netDevices` names, by name. */
  readonly netDevices?: ReadonlyMap<string, MovableLink>;
  /**
   * Set the loopback interface of a new network namespace up.
   *
   * @default false: whoever makes the network does
   */
  readonly loopback?: boolean;
  /** `tasks` files of resctrl that init is put into: see planIntelRdt. */
  readonly resctrl?: readonly string[];
  /**
   * Without a monitor: what the launcher does, and what hooks are told.
   *
   * @default a monitor runs the plan; hooks are refused
   */
  readonly launch?: { readonly options: LaunchOptions; readonly hookState: HookState };
}

/** Why and in what order: the barrier parts what assembles the container from what becomes its program. */
export function planContainer(spec: RuntimeSpec, options: ContainerPlanOptions): Plan {
  const linux = spec.linux ?? {};
  const process = spec.process;
  if (process === undefined) throw new GantryError("invalid-argument", "process: missing");
  refuseWhatIsMissing(options.launch === undefined ? spec.hooks : undefined);
  const { security = NO_SECURITY_MODULES } = options;
  const label = checkMountLabel(linux, security);
  const { cgroups, cgroupOptions, bundle } = options;
  const mounts = planMounts(spec.mounts ?? [], { cgroups, cgroupOptions, linux, label, bundle });
  const namespaces = planNamespaces(linux, planCgroups(options.cgroups), options.caller);
  if (options.rootfs.type === "overlay" && namespaces.becomeRoot.length > 0)
    throw new GantryError("unsupported", "linux.namespaces: an overlay in a user namespace is not supported");
  const attributes = planAttributes(process, linux);
  checkUser(process.user, linux, namespaces.keepsGroups);
  const hooksOf = (kind: Parameters<typeof planHooks>[1]): PlanStep[] =>
    options.launch === undefined ? [] : planHooks(spec.hooks, kind, options.launch.hookState);
  const early = [...hooksOf("prestart"), ...hooksOf("createRuntime")];
  const lateBarrier =
    options.launch === undefined
      ? undefined
      : { awaitsStart: options.launch.options.awaitsStart, hooks: hooksOf("startContainer") };
  return {
    warnings: [...mounts.warnings, ...processWarnings(process), ...attributes.warnings],
    steps: [
      ...(options.launch === undefined ? [] : [planLaunch(options.launch.options)]),
      ...early,
      ...hooksOf("poststart"),
      ...planListenerStep(options.seccomp),
      ...namespaces.steps,
      ...(options.resctrl ?? []).map(planResctrl),
      ...planNetDevices(linux, options),
      ...planPropagation(linux),
      ...mounts.sources,
      planRootfs(options.rootfs, linux, label),
      ...namespaces.becomeRoot,
      ...(options.keyring === "none"
        ? []
        : [...planKeyLabel(process, security), planKeyring(options.keyring ?? "", namespaces.becomeRoot.length > 0)]),
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
      // All is mounted and "/" is still the host's: that is when they are to run (config.md, "POSIX-platform Hooks").
      ...(early.length > 0 ? [{ op: "await-hooks", cause: "hooks", task: "wait for the hooks" } as const] : []),
      ...hooksOf("createContainer"),
      ...planEnterRoot(options.withoutPivot),
      ...planKernel(spec, options.ownNamespaces),
      ...planLabels(process, security),
      ...planHidden(spec, linux, label),
      ...attributes.steps,
      ...(lateBarrier === undefined ? [{ op: "barrier", cause: "start", task: "wait for the start" } as const] : []),
      ...planProcess(process, {
        ...options,
        landlock: planLandlock(spec.annotations, security.landlockAbi),
        ...(lateBarrier === undefined ? {} : { lateBarrier }),
      }),
    ],
  };
}

/** A folder of the host's bound at /dev is what it is: nothing is made in it (runc: libcontainer/rootfs_linux.go, needsSetupDev). */
function hasOwnDevices(spec: RuntimeSpec): boolean {
  return (spec.mounts ?? []).some(
    (mount) => posix.normalize(`/${mount.destination}/`) === "/dev/" && isBindMount(mount),
  );
}

function refuseWhatIsMissing(hooks: Hooks | undefined): void {
  for (const [name, list] of Object.entries(hooks ?? {}))
    if (Array.isArray(list) && list.length > 0)
      throw new GantryError("unsupported", `hooks.${name}: hooks are not supported yet`);
}

/** Ids are those of the container: in a user namespace that is made here, it is known which there are. */
function checkUser(user: User, linux: Linux, keepsGroups: boolean): void {
  const groups = user.additionalGids ?? [];
  if (keepsGroups && groups.length > 0)
    throw new GantryError("unsupported", "process.user.additionalGids: no groups can be set in this user namespace", {
      hint: "map more groups than the caller's own",
    });
  for (const [name, id, mappings] of [
    ["uid", user.uid, linux.uidMappings ?? []],
    ...[user.gid, ...groups].map((gid) => ["gid", gid, linux.gidMappings ?? []] as const),
  ] as const)
    if (mappings.length > 0 && !mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size))
      throw new GantryError("invalid-argument", `process.user: the user namespace has no ${name} ${id}`);
}

function planResctrl(path: string): PlanStep {
  return { op: "write-pid", path, cause: "linux.intelRdt", task: `enter the group of ${path}` };
}

/** Steps that put init into its cgroups; exec uses them too. */
export function planCgroups(cgroups: readonly CgroupFolder[], below = ""): PlanStep[] {
  return cgroups.map(({ version, path }) => ({
    op: "enter-cgroup",
    version,
    path,
    below: version === 2 ? below : "",
    cause: "linux.cgroupsPath",
    task: `enter the cgroup ${path}`,
  }));
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
