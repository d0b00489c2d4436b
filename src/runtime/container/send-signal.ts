import { ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { readStartTime } from "../../platform/process-identity.ts";

/**
 * Sends a signal to that very process: the descriptor is looked at again once it is open, so that no other one with its
 * number is meant.
 *
 * @returns 0, or the error number; ESRCH when it has ended.
 */
export function sendSignal(who: { readonly pid: number; readonly startTime?: number }, signal: number): number {
  const fd = syscall(SYS.pidfd_open, who.pid, 0);
  if (fd < 0) return -fd;
  try {
    if (who.startTime !== undefined && readStartTime(who.pid) !== who.startTime) return ERRNO.ESRCH;
    return -syscall(SYS.pidfd_send_signal, fd, signal, null, 0);
  } finally {
    syscall(SYS.close, fd);
  }
}
