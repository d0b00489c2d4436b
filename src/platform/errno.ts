import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** The kernel's error numbers by name: `ERRNO.ENOENT` is 2. */
export const ERRNO: Readonly<typeof constants.errno> = constants.errno;

/** Made anew at each call, with every error in it. */
let systemErrors: ReturnType<typeof getSystemErrorMap> | undefined;

/** Says an error number (positive) in words: `ENOENT: no such file or directory`. */
export function describeErrno(errno: number): string {
  systemErrors ??= getSystemErrorMap();
  const entry = systemErrors.get(-errno);
  return entry === undefined ? `errno ${errno}` : `${entry[0]}: ${entry[1]}`;
}
