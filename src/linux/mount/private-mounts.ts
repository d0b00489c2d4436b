import { closeSync, openSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const MS_NOSUID = 2;
const MS_NOEXEC = 8;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SLAVE = 0x80000;
const MNT_DETACH = 2;
/** That of the calling thread. */
const CURRENT = "/proc/thread-self/ns/mnt";

function must(result: number, task: string): void {
  if (result < 0)
    throw new GantryError(
      result === -ERRNO.EPERM ? "permission-denied" : "internal",
      `cannot ${task}: ${describeErrno(-result)}`,
    );
}

/** Undefined: it has been removed. */
function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

function enterFolder(folder: string): void {
  try {
    process.chdir(folder);
  } catch {
    // It is not there, and whoever goes on is in /.
  }
}

/**
 * A mount namespace of the calling thread's own, as long as this is held: nobody else sees what is mounted, and all of it
 * is gone with the thread at the latest. Children and threads that it starts meanwhile are inside too; other threads are not.
 */
export class PrivateMounts implements Disposable {
  readonly #home: number;

  private constructor(home: number) {
    this.#home = home;
  }

  /** @throws `permission-denied` without CAP_SYS_ADMIN. */
  static enter(): PrivateMounts {
    const home = openSync(CURRENT, "r");
    try {
      must(syscall(SYS.unshare, CLONE_NEWNS), "make a mount namespace");
    } catch (error) {
      closeSync(home);
      throw error;
    }
    const mounts = new PrivateMounts(home);
    try {
      // Not private: what is bound from them follows the host, as it does outside.
      must(syscall(SYS.mount, null, cString("/"), null, MS_REC | MS_SLAVE, null), "make mounts private");
    } catch (error) {
      mounts[Symbol.dispose]();
      throw error;
    }
    return mounts;
  }

  /** Shows a folder or a file at another place, with all that is mounted below it. */
  bind(source: string, target: string): void {
    const flags = MS_BIND | MS_REC;
    must(syscall(SYS.mount, cString(source), cString(target), null, flags, null), `mount ${source} on ${target}`);
  }

  /** An empty file system in memory. */
  makeTmpfs(target: string): void {
    const flags = MS_NOSUID | MS_NOEXEC;
    must(
      syscall(SYS.mount, cString("tmpfs"), cString(target), cString("tmpfs"), flags, cString("mode=755")),
      `mount a tmpfs on ${target}`,
    );
  }

  /** Takes away what is mounted at a place, with all below it. Nothing need be mounted there. */
  detach(target: string): void {
    const result = syscall(SYS.umount2, cString(target), MNT_DETACH);
    if (result !== -ERRNO.EINVAL) must(result, `unmount ${target}`);
  }

  /** Does something where the thread was before, for what others are to see: what a hook mounts. */
  async outside<Result>(act: () => Promise<Result>): Promise<Result> {
    const inside = openSync(CURRENT, "r");
    try {
      this.#go(this.#home);
      return await act();
    } finally {
      this.#go(inside);
      closeSync(inside);
    }
  }

  /**
   * Threads that the thread made meanwhile share its working folder, with which nobody may change namespaces, and which a
   * change sets to / (setns(2)). When it fails the process ends: nothing it did afterwards could be trusted.
   */
  #go(namespace: number): void {
    const folder = workingFolder();
    if (syscall(SYS.unshare, CLONE_FS) < 0 || syscall(SYS.setns, namespace, CLONE_NEWNS) < 0) process.abort();
    if (folder !== undefined) enterFolder(folder);
  }

  /** Back to where the thread was. Threads that it made meanwhile stay inside. */
  [Symbol.dispose](): void {
    this.#go(this.#home);
    closeSync(this.#home);
  }
}
