import { GantryError } from "../../errors/gantry-error.ts";
import type { IoPriority, Linux, MemoryPolicy, Process, Scheduler } from "../../oci/runtime-spec.ts";
import { parseNumberList } from "./number-list.ts";
import type { PlanStep } from "./steps.ts";

/** SCHED_… (include/uapi/linux/sched.h). */
const POLICIES: Readonly<Record<Scheduler["policy"], number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};
const SCHEDULER_FLAGS: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
};
/** IOPRIO_CLASS_… (include/uapi/linux/ioprio.h). */
const IO_CLASSES: Readonly<Record<IoPriority["class"], number>> = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
};
/** MPOL_… (include/uapi/linux/mempolicy.h), and how many nodes each wants. */
const MEMORY_MODES: Readonly<Record<string, readonly [mode: number, nodes: "none" | "some" | "any"]>> = {
  MPOL_DEFAULT: [0, "none"],
  MPOL_PREFERRED: [1, "any"],
  MPOL_BIND: [2, "some"],
  MPOL_INTERLEAVE: [3, "some"],
  MPOL_LOCAL: [4, "none"],
  MPOL_PREFERRED_MANY: [5, "some"],
  MPOL_WEIGHTED_INTERLEAVE: [6, "some"],
};
const MEMORY_FLAGS: Readonly<Record<string, number>> = {
  MPOL_F_STATIC_NODES: 0x8000,
  MPOL_F_RELATIVE_NODES: 0x4000,
  MPOL_F_NUMA_BALANCING: 0x2000,
};
/** PER_… (include/uapi/linux/personality.h). */
const PERSONALITIES: Readonly<Record<string, number>> = { LINUX: 0, LINUX32: 8 };
const LARGEST_NODE = 1023;
const LARGEST_PROCESSOR = 8191;

/** The parts of `linux` that an exec takes over from its container. */
export type ProcessSurroundings = Pick<Linux, "personality" | "memoryPolicy">;

/** Plans what a process is given of the kernel's attributes before anything is dropped. */
export function planAttributes(
  process: Process,
  linux: ProcessSurroundings,
): { readonly steps: readonly PlanStep[]; readonly warnings: readonly string[] } {
  const flags = linux.personality?.flags ?? [];
  return {
    steps: [
      ...(process.scheduler ? [planScheduler(process.scheduler)] : []),
      ...(process.ioPriority ? [planIoPriority(process.ioPriority)] : []),
      ...(linux.personality ? [planPersonality(linux.personality.domain)] : []),
      ...(linux.memoryPolicy ? [planMemoryPolicy(linux.memoryPolicy)] : []),
    ],
    warnings:
      flags.length === 0
        ? []
        : [`linux.personality.flags: the specification knows no flags yet: ${flags.join(", ")} left out`],
  };
}

function invalid(cause: string, reason: string): GantryError {
  return new GantryError("invalid-argument", `${cause}: ${reason}`);
}

function addFlags(names: readonly string[], known: Readonly<Record<string, number>>, cause: string): number {
  return names.reduce((bits, name) => {
    const bit = known[name];
    if (bit === undefined) throw invalid(cause, `no such flag: ${name}`);
    return bits | bit;
  }, 0);
}

function planScheduler(scheduler: Scheduler): PlanStep {
  const { policy: name, nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  const cause = "process.scheduler";
  const policy = POLICIES[name];
  if (policy === undefined) throw invalid(`${cause}.policy`, `no such policy: ${String(name)}`);
  if (nice < -20 || nice > 19) throw invalid(`${cause}.nice`, `not from -20 to 19: ${nice}`);
  if (priority !== 0 && name !== "SCHED_FIFO" && name !== "SCHED_RR")
    throw invalid(`${cause}.priority`, "only SCHED_FIFO and SCHED_RR have one");
  if (runtime + deadline + period !== 0 && name !== "SCHED_DEADLINE")
    throw invalid(cause, "runtime, deadline and period are for SCHED_DEADLINE");
  return {
    op: "scheduler",
    policy,
    flags: addFlags(scheduler.flags ?? [], SCHEDULER_FLAGS, `${cause}.flags`),
    nice,
    priority,
    runtime,
    deadline,
    period,
    cause,
    task: `set the scheduler to ${name}`,
  };
}

function planIoPriority({ class: name, priority }: IoPriority): PlanStep {
  const cause = "process.ioPriority";
  const kind = IO_CLASSES[name];
  if (kind === undefined) throw invalid(`${cause}.class`, `no such class: ${String(name)}`);
  if (!Number.isInteger(priority) || priority < 0 || priority > 7)
    throw invalid(`${cause}.priority`, `not from 0 to 7: ${priority}`);
  return { op: "io-priority", value: (kind << 13) | priority, cause, task: `set the I/O priority to ${name}` };
}

function planPersonality(domain: string): PlanStep {
  const cause = "linux.personality";
  const persona = PERSONALITIES[domain];
  if (persona === undefined) throw invalid(`${cause}.domain`, `no such personality: ${domain}`);
  return { op: "personality", persona, cause, task: `take the personality ${domain}` };
}

function planMemoryPolicy(policy: MemoryPolicy): PlanStep {
  const cause = "linux.memoryPolicy";
  const [mode, wants] = MEMORY_MODES[policy.mode] ?? [];
  if (mode === undefined) throw invalid(`${cause}.mode`, `no such mode: ${policy.mode}`);
  const nodes = policy.nodes ? parseNumberList(policy.nodes, LARGEST_NODE) : [];
  if (nodes === undefined) throw invalid(`${cause}.nodes`, `not a list of nodes: "${policy.nodes}"`);
  if (wants === "none" && nodes.length > 0) throw invalid(`${cause}.nodes`, `${policy.mode} has no nodes`);
  if (wants === "some" && nodes.length === 0) throw invalid(`${cause}.nodes`, `${policy.mode} needs nodes`);
  const flags = addFlags(policy.flags ?? [], MEMORY_FLAGS, `${cause}.flags`);
  return { op: "memory-policy", mode: mode | flags, nodes: maskOf(nodes), cause, task: "set the memory policy" };
}

/** Bits in whole words of the kernel's, nothing for nobody. */
function maskOf(numbers: readonly number[]): Uint8Array {
  const mask = new Uint8Array(numbers.length === 0 ? 0 : (Math.floor(Math.max(...numbers) / 64) + 1) * 8);
  for (const number of numbers) mask[number >> 3] = (mask[number >> 3] ?? 0) | (1 << (number & 7));
  return mask;
}

/**
 * Plans on which processors an exec runs: `early` until it is in the container's cgroup, `late` from then on.
 */
export function planAffinity(process: Process): {
  readonly early: readonly PlanStep[];
  readonly late: readonly PlanStep[];
} {
  const plan = (which: "initial" | "final"): PlanStep[] => {
    const text = process.execCPUAffinity?.[which];
    if (!text) return [];
    const cause = `process.execCPUAffinity.${which}`;
    const processors = parseNumberList(text, LARGEST_PROCESSOR);
    if (processors === undefined) throw invalid(cause, `not a list of processors: "${text}"`);
    const task = `run on the processors ${text}`;
    return [{ op: "cpu-affinity", early: which === "initial" ? 1 : 0, processors: maskOf(processors), cause, task }];
  };
  return { early: plan("initial"), late: plan("final") };
}

/** KEY_USR_SEARCH; in a user namespace, whose root is another user, KEY_OTH_SEARCH: whoever execs finds the keyring too. */
const USER_SEARCH = 0x80000;
const OTHER_SEARCH = 0x8;

/** Plans a session keyring of the container's own, which its execs join by the same name (runc: `_ses.ID`). */
export function planKeyring(id: string, isInUserNamespace: boolean): PlanStep {
  const name = id === "" ? "" : `_ses.${id}`;
  const permissions = isInUserNamespace ? OTHER_SEARCH : USER_SEARCH;
  return { op: "session-keyring", permissions, name, cause: "keyring", task: "join a session keyring" };
}
