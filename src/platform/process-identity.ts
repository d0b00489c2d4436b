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

const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const NIL = /^[0-]*$/;

/** The number that this boot of the machine has (random(4)). @throws Error if it is not told */
export function readBootId(): string {
  const id = readRawText(BOOT_ID_PATH);
  if (typeof id === "number") throw new Error(`cannot read the boot's number: ${describeErrno(-id)}`);
  if (!isBootId(id.trim())) throw new Error(`cannot read the boot's number: ${BOOT_ID_PATH} has none`);
  return id.trim();
}

/** As `readBootId`; undefined where it is not told: sandboxes leave it out, or hide it behind what is empty on every machine. */
export function findBootId(): string | undefined {
  const id = readRawText(BOOT_ID_PATH);
  return typeof id === "string" && isBootId(id.trim()) ? id.trim() : undefined;
}

function isBootId(text: string): boolean {
  return UUID.test(text) && !NIL.test(text);
}
