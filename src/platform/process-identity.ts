import { describeErrno } from "./errno.ts";
import { readRawText } from "./raw-file.ts";

/**
 * When a process started, in clock ticks since boot: with its number it names one process of this boot, which a
 * number alone does not (proc_pid_stat(5), field 22).
 *
 * @returns undefined if there is no such process, or only what its parent has not asked about.
 */
export function readStartTime(pid: number): number | undefined {
  const stat = readRawText(`/proc/${pid}/stat`);
  if (typeof stat === "number") return undefined;
  const fields = statFields(stat);
  return hasEnded(fields) ? undefined : Number(fields[19]);
}

const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const NIL = /^[0-]*$/;

/**
 * What the text of /proc/<pid>/stat says, from its third field on. The second is the program's name in parentheses and may hold anything,
 * parentheses and blanks included.
 */
export function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/**
 * A process of several threads is a zombie as soon as its first one has ended: until the others have, it runs, and holds its files and
 * locks.
 *
 * @param fields as `statFields` gives them
 */
export function hasEnded(fields: readonly string[]): boolean {
  const [state] = fields;
  return state === "X" || (state === "Z" && Number(fields[17]) <= 1);
}

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
