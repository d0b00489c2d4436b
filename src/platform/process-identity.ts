import { readFileSync } from "node:fs";

/**
 * When a process started, in clock ticks since boot: with its number it names one process of this boot, which a
 * number alone does not (proc_pid_stat(5), field 22).
 *
 * @returns undefined if there is no such process.
 */
export function readStartTime(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may hold anything, parentheses and blanks included.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : Number(fields[19]);
}

/** The number that this boot of the machine has (random(4)). */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
