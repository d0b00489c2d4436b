import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** The kernel's error numbers by name: `ERRNO.ENOENT` is 2. */
export const ERRNO: Readonly<typeof constants.errno> = constants.errno;

/** Says an error number (positive) in words: `ENOENT: no such file or directory`. */
export function describeErrno(errno: number): string {
  const entry = getSystemErrorMap().get(-errno);
  return entry === undefined ? `errno ${errno}` : `${entry[0]}: ${entry[1]}`;
}
