import { constants } from "node:os";
import { GantryError } from "../../errors/gantry-error.ts";
import { ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { readStartTime } from "../../platform/process-identity.ts";

const MAX_SIGNAL = 64;
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/** The number of a signal: `9`, `KILL`, `sigkill`, `RTMIN+3`. @throws `invalid-argument` */
export function parseSignal(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= MAX_SIGNAL) return Number(text);
  const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
  const known = (constants.signals as Readonly<Record<string, number>>)[name];
  if (known !== undefined) return known;
  const real = /^SIGRT(MIN\+|MAX-)?(\d{1,2})?$|^SIGRT(MIN|MAX)$/.exec(name);
  const number =
    real?.[3] === "MIN"
      ? SIGRTMIN
      : real?.[3] === "MAX"
        ? SIGRTMAX
        : real?.[1] === "MIN+"
          ? SIGRTMIN + Number(real[2])
          : real?.[1] === "MAX-"
            ? SIGRTMAX - Number(real[2])
            : Number.NaN;
  if (number >= SIGRTMIN && number <= SIGRTMAX) return number;
  throw new GantryError("invalid-argument", `unknown signal ${JSON.stringify(text)}`);
}

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
