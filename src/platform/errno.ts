/** asm-generic/errno-base.h and errno.h, the same on x86-64 and arm64: those that the project uses. */
const NUMBERS = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  ENOEXEC: 8,
  EBADF: 9,
  EAGAIN: 11,
  EWOULDBLOCK: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  ENOSPC: 28,
  EPIPE: 32,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EMSGSIZE: 90,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  ENOTSUP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  EDQUOT: 122,
} as const;

/**
 * The kernel's error numbers by name: `ERRNO.ENOENT` is 2. node:os has all of them, and node:util their words, for 1.5 ms of
 * each command that loads the two.
 */
export const ERRNO: Readonly<Record<keyof typeof NUMBERS, number>> = NUMBERS;

/** Says an error number (positive) in words: `ENOENT: no such file or directory`. */
export function describeErrno(errno: number): string {
  const entry = process.getBuiltinModule("node:util").getSystemErrorMap().get(-errno);
  return entry === undefined ? `errno ${errno}` : `${entry[0]}: ${entry[1]}`;
}
