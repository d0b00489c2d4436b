import { NO_SECURITY_MODULES, type SecurityFacts } from "../../linux/security/security-facts.ts";
import type { NamespaceType, Process } from "../../oci/runtime-spec.ts";
import { planLandlock } from "../landlock/plan-landlock.ts";
import { namespaceFlag } from "./namespaces.ts";
import { type ProcessSurroundings, planAffinity, planAttributes, planKeyring } from "./plan-attributes.ts";
import type { CgroupFolder } from "./plan-cgroup-mounts.ts";
import { planCgroups } from "./plan-container.ts";
import { planKeyLabel, planLabels } from "./plan-labels.ts";
import { type LaunchOptions, planLaunch } from "./plan-launch.ts";
import { planListenerStep, planProcess, processWarnings, type SeccompFilter } from "./plan-process.ts";
import { becomeRoot } from "./plan-user-namespace.ts";
import type { Plan } from "./steps.ts";

export interface ExecPlanOptions {
  /** The container's init: its namespaces are joined through its pidfd, all at once. */
  readonly pid: number;
  /** Field 22 of /proc/pid/stat: the helper refuses a process that has taken the pid since. */
  readonly startTime?: number;
  readonly namespaces: readonly NamespaceType[];
  readonly cgroups: readonly CgroupFolder[];
  /**
   * The v2 group for a process that the container's own does not take: see groupBelow.
   *
   * @default none
   */
  readonly cgroupBelow?: string | undefined;
  readonly seccomp?: SeccompFilter;
  /** The container's: Landlock's rules are among them. */
  readonly annotations?: Readonly<Record<string, string>>;
  /**
   * What the kernel has of mandatory access control; what it lacks is refused.
   *
   * @default nothing
   */
  readonly security?: SecurityFacts;
  /** The container's `linux`, of which a process inherits personality and memory policy. */
  readonly linux?: ProcessSurroundings;
  /**
   * What the container's session keyring is called after; `none`: keep the caller's keyring.
   *
   * @default a keyring without a name
   */
  readonly keyring?: string | "none";
  /**
   * No groups can be set in the container's user namespace.
   *
   * @default false
   */
  readonly keepsGroups?: boolean;
  /**
   * Without a monitor: what the launcher does.
   *
   * @default a monitor runs the plan
   */
  readonly launch?: LaunchOptions;
}

/** A plan that joins a running container's namespaces, root and cgroups and executes one process there; it waits at the barrier too. */
export function planExec(process: Process, options: ExecPlanOptions): Plan {
  const { security = NO_SECURITY_MODULES } = options;
  let kinds = 0;
  for (const type of options.namespaces) kinds |= namespaceFlag(type, "namespaces");
  const isInUserNamespace = options.namespaces.includes("user");
  const attributes = planAttributes(process, options.linux ?? {});
  const affinity = planAffinity(process);
  return {
    warnings: [...processWarnings(process), ...attributes.warnings],
    steps: [
      ...(options.launch === undefined ? [] : [planLaunch(options.launch)]),
      ...affinity.early,
      // While the host's folders are still in sight.
      ...planListenerStep(options.seccomp),
      ...planCgroups(options.cgroups, options.cgroupBelow),
      {
        op: "join-process",
        pid: options.pid,
        startTime: options.startTime ?? 0,
        kinds,
        cause: "container",
        task: `join the container's namespaces (process ${options.pid})`,
      },
      ...affinity.late,
      ...(isInUserNamespace ? [becomeRoot(options.keepsGroups === true)] : []),
      ...(options.keyring === "none"
        ? []
        : [...planKeyLabel(process, security), planKeyring(options.keyring ?? "", isInUserNamespace)]),
      ...(process.terminal
        ? [{ op: "open-console", bind: 0, cause: "process.terminal", task: "open the terminal" } as const]
        : []),
      ...planLabels(process, security),
      ...attributes.steps,
      ...(options.launch === undefined ? [{ op: "barrier", cause: "start", task: "wait for the start" } as const] : []),
      ...planProcess(process, {
        ...options,
        landlock: planLandlock(options.annotations, security.landlockAbi),
        ...(options.launch === undefined ? {} : { lateBarrier: { awaitsStart: false, hooks: [] } }),
      }),
    ],
  };
}
