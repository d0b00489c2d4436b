import { closeSync, openSync } from "node:fs";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "./errno.ts";
import { SYS, syscall } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const POLL_MS = 5;

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
   * @throws `internal` if the file system has no locks.
   */
  static tryTake(path: string): FileLock | undefined {
    const descriptor = openSync(path, "a", 0o600);
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
  static async take(path: string, options: { readonly deadlineMs: number }): Promise<FileLock> {
    for (;;) {
      const lock = FileLock.tryTake(path);
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
