import { closeSync, readFileSync } from "node:fs";
import { ERRNO } from "../platform/errno.ts";
import { SYS, syscall } from "../platform/libc.ts";
import { hasEnded, statFields } from "../platform/process-identity.ts";

/** What tells a process from every other one that ever has its pid. */
export interface ProcessIdentity {
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks since boot, /proc/<pid>/stat field 22. */
  readonly startTime: number;
}

/** The start time in the text of /proc/<pid>/stat. */
export function parseStartTime(stat: string): number | undefined {
  const startTime = Number(statFields(stat)[19]);
  return stat.includes(")") && Number.isSafeInteger(startTime) && startTime > 0 ? startTime : undefined;
}

function isSame(identity: ProcessIdentity): boolean {
  try {
    const stat = readFileSync(`/proc/${identity.pid}/stat`, "utf8");
    return parseStartTime(stat) === identity.startTime && !hasEnded(statFields(stat));
  } catch {
    return false;
  }
}

/** True while that very process runs (a zombie does not). */
export function isAlive(identity: ProcessIdentity, bootId: string): boolean {
  return identity.bootId === bootId && isSame(identity);
}

/**
 * Sends a signal to that very process: through a pidfd that is opened first and compared then, so that the pid cannot
 * change hands in between.
 *
 * @returns false when it is gone.
 */
export function sendSignal(identity: ProcessIdentity, signal: number, bootId: string): boolean {
  if (identity.bootId !== bootId) return false;
  const pidfd = syscall(SYS.pidfd_open, identity.pid, 0);
  if (pidfd < 0) return false;
  try {
    if (!isSame(identity)) return false;
    return syscall(SYS.pidfd_send_signal, pidfd, signal, null, 0) !== -ERRNO.ESRCH;
  } finally {
    closeSync(pidfd);
  }
}
