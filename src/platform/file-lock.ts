import { closeSync, constants, fchownSync, openSync } from "node:fs";
import { errorCode } from "../errors/error-code.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "./errno.ts";
import { SYS, syscall } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const POLL_MS = 5;

export interface FileLockOptions {
  /** Whose a lock file is that is not there yet. Only root may say that. @default who makes it */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/** An exclusive lock on a file (flock(2)): the kernel lets go of it when the process ends, however it ends. */
export class FileLock implements Disposable {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /**
   * Takes the lock if nobody has it.
   *
   * @returns undefined if somebody has it.
   * @throws `internal` if the file system has no locks, `conflict` if there is a link; what the file system says of the file.
   */
  static tryTake(path: string, options: FileLockOptions = {}): FileLock | undefined {
    const descriptor = openLock(path, options);
    const result = syscall(SYS.flock, descriptor, LOCK_EX | LOCK_NB);
    if (result === 0) return new FileLock(descriptor);
    closeSync(descriptor);
    if (result === -ERRNO.EWOULDBLOCK) return undefined;
    throw new GantryError("internal", `cannot lock ${path}: ${describeErrno(-result)}`);
  }

  /**
   * Waits for the lock, without blocking the thread.
   *
   * @param options.deadlineMs on the clock of `performance.now()`.
   * @throws `unavailable` at the deadline.
   */
  static async take(path: string, options: FileLockOptions & { readonly deadlineMs: number }): Promise<FileLock> {
    for (;;) {
      const lock = FileLock.tryTake(path, options);
      if (lock !== undefined) return lock;
      if (performance.now() > options.deadlineMs) {
        throw new GantryError("unavailable", `waited too long for the lock ${path}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

/** The folder may be another user's, who could have put a link there. */
function openLock(path: string, { owner }: FileLockOptions): number {
  const flags = constants.O_WRONLY | constants.O_NOFOLLOW;
  try {
    const made = openSync(path, flags | constants.O_CREAT | constants.O_EXCL, 0o600);
    if (owner !== undefined) fchownSync(made, owner.uid, owner.gid);
    return made;
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  try {
    return openSync(path, flags);
  } catch (error) {
    if (errorCode(error) !== "ELOOP") throw error;
    throw new GantryError("conflict", `the lock ${path} is a link`, { hint: "remove it: a lock is a file of its own" });
  }
}
