import { describeErrno } from "./errno.ts";
import { readRawText } from "./raw-file.ts";

/**
 * When a process started, in clock ticks since boot: with its number it names one process of this boot, which a
 * number alone does not (proc_pid_stat(5), field 22).
 *
 * @returns undefined if there is no such process.
 */
export function readStartTime(pid: number): number | undefined {
  const stat = readRawText(`/proc/${pid}/stat`);
  if (typeof stat === "number") return undefined;
  // The second field is the program's name in parentheses and may hold anything, parentheses and blanks included.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : Number(fields[19]);
}

/** The number that this boot of the machine has (random(4)). */
export function readBootId(): string {
  const id = readRawText("/proc/sys/kernel/random/boot_id");
  if (typeof id === "number") throw new Error(`cannot read the boot's number: ${describeErrno(-id)}`);
  return id.trim();
}
