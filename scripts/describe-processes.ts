/** Where processes stand, for the report of a test that does not end. */
import { readdirSync, readFileSync } from "node:fs";
import { statFields } from "../src/platform/process-identity.ts";

export interface FoundProcess {
  readonly pid: number;
  readonly parent: number;
  /** As ps(1) has it: R runs, D waits and cannot be killed, Z has ended. */
  readonly state: string;
  /** In clock ticks since boot. */
  readonly startTime: number;
  readonly command: string;
}

/** The parent of the kernel's own threads. */
const KTHREADD = 2;
const COMMAND_LENGTH_MAX = 200;
/** Of the clock that /proc counts in (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Undefined for what is not there (any more), or not for us. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The clock of `startTime` (proc_uptime(5), proc_pid_stat(5)). */
export function readTicks(): number {
  return Math.floor(Number(read("/proc/uptime")?.split(" ")[0] ?? 0) * TICKS_PER_SECOND);
}

/** All processes but the kernel's. */
export function listProcesses(): readonly FoundProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = read(`/proc/${name}/stat`);
      if (stat === undefined) return [];
      const [state = "", parent, ...rest] = statFields(stat);
      const command = (read(`/proc/${name}/cmdline`) ?? "").replaceAll("\0", " ").trim();
      const shown = command.slice(0, COMMAND_LENGTH_MAX) || stat.slice(stat.indexOf("("), stat.lastIndexOf(")") + 1);
      return [{ pid: Number(name), parent: Number(parent), state, startTime: Number(rest[17]), command: shown }];
    })
    .filter(({ pid, parent }) => pid !== KTHREADD && parent !== KTHREADD);
}

/** A process and all that descend from it. */
export function treeOf(root: number, processes: readonly FoundProcess[]): readonly number[] {
  const tree = [root];
  for (const above of tree) tree.push(...processes.filter(({ parent }) => parent === above).map(({ pid }) => pid));
  return tree;
}

/** In which functions of the kernel a thread waits, innermost first: only root is told more than the name of the first. */
function waitOf(thread: string): string {
  const stack = [...(read(`${thread}/stack`) ?? "").matchAll(/^\[<\w+>\] ([^+\s]+)/gm)].map(([, name]) => name);
  return stack.join(" < ") || read(`${thread}/wchan`) || "?";
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
  } catch {
    return [];
  }
}

/** Each process on a line, and below it where its threads wait; those that wait alike are counted. */
export function describeProcesses(processes: readonly FoundProcess[]): string {
  const now = readTicks();
  return processes
    .map(({ pid, parent, state, startTime, command }) => {
      const waits = new Map<string, number>();
      for (const wait of threadsOf(pid).map(waitOf)) waits.set(wait, (waits.get(wait) ?? 0) + 1);
      const seconds = ((now - startTime) / TICKS_PER_SECOND).toFixed(0);
      const threads = [...waits].map(([wait, count]) => `    ${count} in ${wait}\n`).join("");
      return `  ${pid} (child of ${parent}, ${state}, ${seconds} s old): ${command}\n${threads}`;
    })
    .join("");
}
