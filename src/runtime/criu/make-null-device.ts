import { chmodSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { PrivateMounts } from "../../linux/mount/private-mounts.ts";
import { describeErrno } from "../../platform/errno.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";

const AT_FDCWD = -100;
const S_IFCHR = 0o020000;
/** makedev(1, 3) */
const NULL_NUMBER = 0x103;

/**
 * A null device that is nobody else's, in a file system of its own, which lasts as long as something of it is mounted.
 * Masked files of a restored container show it: were it the host's, a container could change the host's mode and owner.
 */
export function makeNullDevice(folder: string, mounts: PrivateMounts): string {
  mounts.makeTmpfs(folder);
  const path = join(folder, "null");
  const made = syscall(SYS.mknodat, AT_FDCWD, cString(path), S_IFCHR | 0o666, NULL_NUMBER);
  if (made < 0) throw new GantryError("internal", `cannot make the null device ${path}: ${describeErrno(-made)}`);
  chmodSync(path, 0o666);
  return path;
}
