import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { ERRNO } from "../platform/errno.ts";
import { SYS, syscall } from "../platform/libc.ts";

// Without it a monitor that outlives the daemon would keep the root.
const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes a root for this process, until it is disposed or the process ends, however it ends (flock(2)). The file says who has it.
 *
 * @throws `conflict` if another process has it, naming that.
 */
export function lockRoot(root: string): Disposable {
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const path = join(root, "lock");
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | O_CLOEXEC, 0o600);
  const result = syscall(SYS.flock, fd, LOCK_EX | LOCK_NB);
  if (result < 0) {
    const owner = readFileSync(path, "utf8").trim();
    closeSync(fd);
    if (result !== -ERRNO.EWOULDBLOCK) throw new GantryError("unavailable", `cannot lock ${path}`);
    const who = /^\d+$/.test(owner) ? `process ${owner}` : "another process";
    throw new GantryError("conflict", `${root} is in use by ${who}`, {
      hint: "one daemon owns a root: use that one, or another --root",
    });
  }
  ftruncateSync(fd, 0);
  writeSync(fd, `${process.pid}\n`, 0);
  let isHeld = true;
  return {
    [Symbol.dispose]: () => {
      if (isHeld) closeSync(fd);
      isHeld = false;
    },
  };
}
