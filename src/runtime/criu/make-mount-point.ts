import { closeSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
/** RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT (openat2(2)). */
const RESOLVE = 0x02 | 0x10;
const S_IFREG = 0o100000;

/** Opens a path below a root, which no link leads out of. @returns the descriptor, or -errno. */
export function openInRoot(root: number, path: string): number {
  const how = new BigUint64Array([BigInt(O_PATH | O_CLOEXEC), 0n, BigInt(RESOLVE)]);
  return syscall(SYS.openat2, root, cString(path), how, how.byteLength);
}

/** Where a descriptor's file is: in its own root, where that is another's. */
export function pathOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}

function fail(path: string, errno: number): GantryError {
  return new GantryError(
    "internal",
    `cannot make the mount point ${path} in the root filesystem: ${describeErrno(errno)}`,
  );
}

function makeLast(parent: number, name: string, kind: "folder" | "file"): number {
  return kind === "folder"
    ? syscall(SYS.mkdirat, parent, cString(name), 0o755)
    : syscall(SYS.mknodat, parent, cString(name), S_IFREG | 0o644, 0);
}

/**
 * Opens a place to mount on, below a root; makes it, and what is missing on the way, where it is not there.
 *
 * @param path clean and absolute, as the container has it.
 */
export function makeMountPoint(root: number, path: string, kind: "folder" | "file"): number {
  const found = openInRoot(root, path);
  if (found >= 0) return found;
  if (found !== -ERRNO.ENOENT || path === "/") throw fail(path, -found);
  const parent = makeMountPoint(root, posix.dirname(path), "folder");
  try {
    const made = makeLast(parent, posix.basename(path), kind);
    if (made < 0) throw fail(path, -made);
  } finally {
    closeSync(parent);
  }
  const fd = openInRoot(root, path);
  if (fd < 0) throw fail(path, -fd);
  return fd;
}
