import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../errors/disk-error.ts";
import { errorCode } from "../errors/error-code.ts";
import { GantryError, isGantryError } from "../errors/gantry-error.ts";
import { ERRNO } from "../platform/errno.ts";
import { SYS, syscall } from "../platform/libc.ts";

// Without it a monitor that outlives the daemon would keep the folder.
const O_CLOEXEC = 0o2000000;
const LOCK = "lock";
const LOCK_EX = 2;
const LOCK_NB = 4;

/** True if a process has the root at this moment. */
export function isRootLocked(root: string): boolean {
  try {
    lockRoot(root)[Symbol.dispose]();
    return false;
  } catch (error) {
    if (isGantryError(error, "conflict")) return true;
    throw error;
  }
}

/** Who has a root that is locked, for people: `process 123`. */
export function rootOwner(root: string): string {
  return ownerIn(join(root, LOCK));
}

/**
 * Takes a root for this process, until it is disposed or the process ends, however it ends (flock(2)). The file says who has it.
 *
 * @throws `conflict` if another process has it, naming that; `permission-denied`, `unavailable` if it cannot be written in;
 * `invalid-argument` if it is no folder
 */
export function lockRoot(root: string): Disposable {
  return lockFolder(root, "one daemon owns a root: use that one, or another --root");
}

/**
 * Takes a state folder in the same way: daemons of different roots must not meet in one, where each would replace the other's
 * socket and process file.
 *
 * @throws `conflict` if another process has it, naming that.
 */
export function lockStateFolder(state: string): Disposable {
  return lockFolder(state, "each daemon needs a state folder of its own: choose another --state");
}

function lockFolder(folder: string, hint: string): Disposable {
  const path = join(folder, LOCK);
  const fd = openLock(folder, path);
  const result = syscall(SYS.flock, fd, LOCK_EX | LOCK_NB);
  if (result < 0) {
    const owner = ownerIn(path);
    closeSync(fd);
    if (result !== -ERRNO.EWOULDBLOCK) throw new GantryError("unavailable", `cannot lock ${path}`);
    throw new GantryError("conflict", `${folder} is in use by ${owner}`, { hint });
  }
  writeOwner(fd);
  let isHeld = true;
  return {
    [Symbol.dispose]: () => {
      if (isHeld) closeSync(fd);
      isHeld = false;
    },
  };
}

function ownerIn(path: string): string {
  const owner = readFileSync(path, "utf8").trim();
  return /^\d+$/.test(owner) ? `process ${owner}` : "another process";
}

function openLock(folder: string, path: string): number {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    return openSync(path, constants.O_RDWR | constants.O_CREAT | O_CLOEXEC, 0o600);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "EEXIST" || code === "ENOTDIR") {
      throw new GantryError("invalid-argument", `cannot use ${folder}: a file is in the place of a folder`, {
        hint: "name another folder, or remove that file",
      });
    }
    throw diskError(`cannot use ${folder}`, cause);
  }
}

/** On a full disk the lock holds as well: it only does not say whose it is. */
function writeOwner(fd: number): void {
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    if (errorCode(error) !== "ENOSPC") throw error;
  }
}
