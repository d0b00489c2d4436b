import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";
import type { LayeredTree } from "../../volume/layered-tree.ts";

const MAX_BYTES = 8 << 20;

/** RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT (openat2(2)). */
const RESOLVE = 0x02 | 0x10;

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/**
 * The user database of a container: text of its /etc/passwd and /etc/group. Empty where there is none that can be read: then
 * names are not found, and root and numbers work all the same, so that what a container broke can be repaired.
 */
export interface UserDatabase {
  readonly passwd: string;
  readonly group: string;
}

/** Reads it from a container's layers while it does not run: nothing of it is mounted then. */
export function readUsersOfLayers(tree: LayeredTree): UserDatabase {
  const read = (path: string): string => {
    const entry = tree.lookup(path);
    if (entry === undefined || entry.kind === "folder" || !entry.stat.isFile()) return "";
    return readBounded(openSync(entry.path, constants.O_RDONLY | constants.O_NOFOLLOW), path);
  };
  return { passwd: read("/etc/passwd"), group: read("/etc/group") };
}

/**
 * Reads it from a running container's root. The container may swap every path at any moment: the kernel resolves them inside
 * of the root, at the moment of use, and nothing but a regular file is read.
 */
export function readUsersOfProcess(pid: number): UserDatabase {
  const root = openSync(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const read = (path: string): string => {
      const how = new BigUint64Array([BigInt(O_PATH | O_CLOEXEC), 0n, BigInt(RESOLVE)]);
      const found = syscall(SYS.openat2, root, cString(path), how, how.byteLength);
      if (found < 0) return "";
      try {
        // Opened for reading only once it is known to be a file: to open a device can do something already.
        if (!fstatSync(found).isFile()) return "";
        return readBounded(openSync(`/proc/self/fd/${found}`, constants.O_RDONLY), path);
      } finally {
        closeSync(found);
      }
    };
    return { passwd: read("/etc/passwd"), group: read("/etc/group") };
  } finally {
    closeSync(root);
  }
}

function readBounded(descriptor: number, path: string): string {
  try {
    const stat = fstatSync(descriptor);
    if (stat.size > MAX_BYTES)
      throw new GantryError("exhausted", `${path} in the container is larger than ${MAX_BYTES} bytes`);
    const bytes = Buffer.alloc(stat.size);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(descriptor, bytes, length, bytes.length - length, length);
    }
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(descriptor);
  }
}
