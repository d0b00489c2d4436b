import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Process, Rlimit } from "../../oci/runtime-spec.ts";
import { capabilityBit } from "../capabilities/capability-names.ts";
import type { LandlockSteps } from "../landlock/plan-landlock.ts";
import { PLAN_LIMITS, type PlanStep } from "./steps.ts";

/** A compiled seccomp filter. */
export interface SeccompFilter {
  /** `struct sock_filter[]` */
  readonly program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_ bits. */
  readonly flags: number;
  /** Who answers the calls that the filter asks about (`planListener`): with the flag NEW_LISTENER, and only then. */
  readonly listener?: { readonly path: string; readonly message: readonly string[] };
}

/** Connects the agent of a filter. It comes first, while the host's files are in sight. */
export function planListenerStep(seccomp: SeccompFilter | undefined): PlanStep[] {
  if (seccomp?.listener === undefined) return [];
  const { path, message } = seccomp.listener;
  const cause = "linux.seccomp.listenerPath";
  return [{ op: "seccomp-listener", path, message, cause, task: `connect to the seccomp agent at ${path}` }];
}

/** RLIMIT_… numbers (include/uapi/asm-generic/resource.h). */
const RLIMITS: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};
const UNLIMITED = 0xffff_ffff_ffff_ffffn;

function limitValue(value: number | bigint): bigint {
  if (typeof value === "bigint") return value < 0n || value > UNLIMITED ? UNLIMITED : value;
  // -1 and everything that a double cannot count exactly anyway are "no limit".
  return value < 0 || value > Number.MAX_SAFE_INTEGER ? UNLIMITED : BigInt(Math.trunc(value));
}

function planRlimits(rlimits: readonly Rlimit[]): PlanStep[] {
  const steps: PlanStep[] = rlimits.map((limit, index) => {
    const cause = `process.rlimits[${index}]`;
    const resource = RLIMITS[limit.type];
    if (resource === undefined)
      throw new GantryError("invalid-argument", `${cause}.type: no such limit: ${limit.type}`);
    if (rlimits.findIndex(({ type }) => type === limit.type) !== index)
      throw new GantryError("invalid-argument", `${cause}.type: a second ${limit.type}`);
    const [soft, hard] = [limitValue(limit.soft), limitValue(limit.hard)];
    if (soft > hard) throw new GantryError("invalid-argument", `${cause}: the soft limit is above the hard one`);
    return { op: "rlimit", resource, soft, hard, cause, task: `set ${limit.type}` };
  });
  if (!rlimits.some((limit) => limit.type === "RLIMIT_NOFILE"))
    // The daemon's runtime raises its own soft limit; programs that loop over all descriptors suffer from that.
    steps.unshift({
      op: "rlimit",
      resource: 7,
      soft: 1024,
      hard: UNLIMITED,
      cause: "default soft limit of open files",
      task: "set RLIMIT_NOFILE",
    });
  return steps;
}

/** The mask that the kernel wants for a set of `CAP_…` names; unknown ones are left out, see processWarnings. */
function encodeCapabilities(names: readonly string[] = []): bigint {
  return names.reduce((mask, name) => mask | (1n << BigInt(capabilityBit(name) ?? 64)), 0n) & 0xffff_ffff_ffff_ffffn;
}

/** What is left out of a process. A capability that is not known is none of these: a newer specification, a slip of the pen. */
export function processWarnings(process: Process): string[] {
  const names = Object.values(process.capabilities ?? {}).flatMap((list: readonly string[] | undefined) => list ?? []);
  const unknown = [...new Set(names.filter((name) => capabilityBit(name) === undefined))].sort();
  return unknown.length === 0 ? [] : [`process.capabilities: unknown capabilities left out: ${unknown.join(", ")}`];
}

function planIdentity(process: Process): PlanStep[] {
  const { user, capabilities } = process;
  const additional = user.additionalGids ?? [];
  if (additional.length > 1024)
    throw new GantryError("invalid-argument", "process.user.additionalGids: more than 1024 groups");
  for (const [name, id] of [
    ["uid", user.uid],
    ["gid", user.gid],
    ...additional.map((gid) => ["additionalGids", gid] as const),
  ] as const)
    if (!Number.isInteger(id) || id < 0 || id >= 0xffff_ffff)
      throw new GantryError("invalid-argument", `process.user.${name}: not an id: ${id}`);
  const groups = new Uint8Array(Uint32Array.from(additional).buffer);
  const steps: PlanStep[] = [];
  const path = "process.capabilities";
  if (capabilities !== undefined)
    steps.push({
      op: "bounding-set",
      mask: encodeCapabilities(capabilities.bounding),
      cause: `${path}.bounding`,
      task: "limit the capabilities",
    });
  steps.push({
    op: "set-user",
    uid: user.uid,
    gid: user.gid,
    groups,
    cause: "process.user",
    task: `become user ${user.uid}:${user.gid}`,
  });
  if (capabilities !== undefined)
    steps.push({
      op: "set-capabilities",
      effective: encodeCapabilities(capabilities.effective),
      permitted: encodeCapabilities(capabilities.permitted),
      inheritable: encodeCapabilities(capabilities.inheritable),
      ambient: encodeCapabilities(capabilities.ambient),
      cause: path,
      task: "set the capabilities",
    });
  return steps;
}

function checkProgram(process: Process): readonly string[] {
  const args = process.args ?? [];
  if (args.length === 0 || args[0] === "")
    throw new GantryError("invalid-argument", "process.args: no command specified");
  if (args.length + (process.env?.length ?? 0) > PLAN_LIMITS.strings)
    throw new GantryError("invalid-argument", "process.args: too many arguments and variables");
  if (!posix.isAbsolute(process.cwd))
    throw new GantryError("invalid-argument", `process.cwd: "${process.cwd}" is not an absolute path`);
  return args;
}

/** What stands between an init that is ready and its program. */
export interface LateBarrier {
  /** Wait for `start`, after everybody else has gone. */
  readonly awaitsStart: boolean;
  /** Hooks that run then. */
  readonly hooks: readonly PlanStep[];
}

function planLateBarrier(program: string, barrier: LateBarrier): PlanStep[] {
  return [
    { op: "find-program", name: program, cause: "process.args", task: `find "${program}"` },
    { op: "barrier", cause: "start", task: "wait for the start" },
    ...(barrier.awaitsStart ? [{ op: "await-start", cause: "start", task: "wait for the start" } as const] : []),
  ];
}

/**
 * Plans everything between the barrier and the program: init makes itself into it.
 *
 * The seccomp filter comes as late as it can: last with no_new_privs; without it, while CAP_SYS_ADMIN is still there
 * (seccomp(2)), so that the filter has to allow what changes identity.
 */
export function planProcess(
  process: Process,
  options: {
    readonly seccomp?: SeccompFilter;
    readonly init?: boolean;
    readonly landlock?: LandlockSteps;
    /** Without a monitor: the barrier comes as late as it can, so that what fails does so while somebody listens. */
    readonly lateBarrier?: LateBarrier;
  },
): PlanStep[] {
  const args = checkProgram(process);
  const steps: PlanStep[] = [...planRlimits(process.rlimits ?? [])];
  const score = process.oomScoreAdj;
  if (score !== undefined) {
    const cause = "process.oomScoreAdj";
    if (!Number.isInteger(score) || score < -1000 || score > 1000)
      throw new GantryError("invalid-argument", `${cause}: not from -1000 to 1000: ${score}`);
    steps.push({ op: "oom-score", value: score, cause, task: `set the OOM score to ${score}` });
  }
  steps.push({
    op: "session",
    terminal: process.terminal ? 1 : 0,
    uid: process.user.uid,
    cause: "process.terminal",
    task: "set up the standard streams",
  });
  const filter: PlanStep[] = options.seccomp
    ? [
        {
          op: "seccomp",
          flags: options.seccomp.flags,
          program: options.seccomp.program,
          cause: "linux.seccomp",
          task: "install the seccomp filter",
        },
      ]
    : [];
  // Who may restrict itself: a process with no_new_privs or with CAP_SYS_ADMIN, landlock(7). The rules are looked up as root.
  const { rules, restrict } = options.landlock ?? { rules: [], restrict: [] };
  steps.push(...rules);
  if (!process.noNewPrivileges) steps.push(...restrict, ...filter);
  steps.push(...planIdentity(process));
  steps.push({ op: "umask", mask: process.user.umask ?? 0o022, cause: "process.user.umask", task: "set the umask" });
  steps.push({
    op: "change-directory",
    path: process.cwd,
    cause: "process.cwd",
    task: `change to the working directory "${process.cwd}"`,
  });
  if (process.noNewPrivileges) {
    steps.push({ op: "no-new-privileges", cause: "process.noNewPrivileges", task: "set no_new_privs" });
    steps.push(...restrict);
  }
  steps.push({ op: "environment", variables: process.env ?? [], cause: "process.env", task: "set the environment" });
  if (options.lateBarrier !== undefined) steps.push(...planLateBarrier(args[0] ?? "", options.lateBarrier));
  if (process.noNewPrivileges) steps.push(...filter);
  // With the rights of the program, no more: what they execute is the container's (as in runc).
  steps.push(...(options.lateBarrier?.hooks ?? []));
  if (options.init) {
    const profile = process.apparmorProfile ?? "";
    // The program's are set already; these are for the process that stays.
    steps.push({
      op: "become-init",
      profile: profile === "unconfined" ? "" : profile,
      label: process.selinuxLabel ?? "",
      cause: "init",
      task: "start the program below init",
    });
  }
  steps.push({ op: "execute", arguments: args, cause: "process.args", task: `execute "${args[0]}"` });
  return steps;
}
