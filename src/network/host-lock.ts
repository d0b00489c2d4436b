import { closeSync, constants, openSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../platform/errno.ts";
import { SYS, syscall } from "../platform/libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const RETRY_MS = 10;
/** Half a minute: making an interface takes a second on a host where many begin at once. */
const ATTEMPTS = 3000;

/**
 * Runs `action` while no other gantry on this host does the same (choosing a subnet takes a host-wide lock).
 * The lock ends with the process at the latest.
 *
 * @throws `unavailable` when another held it all the time that was waited.
 */
export async function withHostLock<Result>(path: string, action: () => Result): Promise<Result> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const descriptor = openSync(path, flags, 0o600);
  try {
    for (let attempt = 1; ; attempt++) {
      const result = syscall(SYS.flock, descriptor, LOCK_EX | LOCK_NB);
      if (result === 0) return action();
      if (result !== -ERRNO.EWOULDBLOCK && result !== -ERRNO.EINTR)
        throw new GantryError("internal", `cannot lock ${path}: ${describeErrno(-result)}`);
      if (attempt === ATTEMPTS)
        throw new GantryError("unavailable", `${path} has been locked by another process for too long`);
      await wait(RETRY_MS);
    }
  } finally {
    closeSync(descriptor);
  }
}
