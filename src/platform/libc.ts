import { dlopen, FFIType, ptr, read } from "bun:ffi";

/**
 * System calls on the calling thread, with their errno.
 *
 * The libc function `syscall(2)` is called through FFI; errno is read from the thread's own location directly after,
 * before anything else of ours can run on this thread.
 */
const { symbols: libc } = dlopen("libc.so.6", {
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: FFIType.i64_fast },
  __errno_location: { args: [], returns: "ptr" },
});

/** An argument of a system call: a number, or memory whose address is passed. */
export type SyscallArgument = number | bigint | NodeJS.TypedArray | null;

function toRegister(argument: SyscallArgument | undefined): number | bigint {
  if (argument === null || argument === undefined) return 0;
  if (typeof argument === "number" || typeof argument === "bigint") return argument;
  return argument.byteLength === 0 ? 0 : ptr(argument);
}

/**
 * Performs a system call.
 *
 * @param number the call's number on this architecture, see `SYS`.
 * @returns the result, or -errno (as the kernel itself reports it) when it failed.
 */
export function syscall(number: number, ...args: SyscallArgument[]): number {
  const result = Number(
    libc.syscall(
      number,
      toRegister(args[0]),
      toRegister(args[1]),
      toRegister(args[2]),
      toRegister(args[3]),
      toRegister(args[4]),
      toRegister(args[5]),
    ),
  );
  if (result !== -1) return result;
  const location = libc.__errno_location();
  return location === null ? -1 : -read.i32(location, 0);
}

/** A NUL-terminated copy of `text`, as system calls want strings. */
export function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, "utf8");
}

const NUMBERS_X64 = {
  read: 0,
  write: 1,
  close: 3,
  clock_gettime: 228,
  ioctl: 16,
  getpid: 39,
  socket: 41,
  connect: 42,
  sendfile: 40,
  sendto: 44,
  recvfrom: 45,
  sendmsg: 46,
  recvmsg: 47,
  bind: 49,
  getsockname: 51,
  getpeername: 52,
  socketpair: 53,
  setsockopt: 54,
  fcntl: 72,
  flock: 73,
  mount: 165,
  umount2: 166,
  lsetxattr: 189,
  fsetxattr: 190,
  lgetxattr: 192,
  fgetxattr: 193,
  llistxattr: 195,
  flistxattr: 196,
  ppoll: 271,
  openat: 257,
  mkdirat: 258,
  mknodat: 259,
  fchownat: 260,
  unlinkat: 263,
  renameat: 264,
  linkat: 265,
  symlinkat: 266,
  readlinkat: 267,
  fchmodat: 268,
  unshare: 272,
  utimensat: 280,
  eventfd2: 290,
  syncfs: 306,
  setns: 308,
  memfd_create: 319,
  bpf: 321,
  statx: 332,
  copy_file_range: 326,
  pidfd_send_signal: 424,
  prlimit64: 302,
  pidfd_open: 434,
  fsconfig: 431,
  fspick: 433,
  openat2: 437,
  landlock_create_ruleset: 444,
  lseek: 8,
  execveat: 322,
  umask: 95,
} as const;

/** A system call that the project uses. */
export type SyscallName = keyof typeof NUMBERS_X64;

const NUMBERS_ARM64: Readonly<Record<SyscallName, number>> = {
  read: 63,
  write: 64,
  close: 57,
  clock_gettime: 113,
  ioctl: 29,
  getpid: 172,
  socket: 198,
  connect: 203,
  sendto: 206,
  recvfrom: 207,
  sendmsg: 211,
  recvmsg: 212,
  bind: 200,
  getsockname: 204,
  getpeername: 205,
  sendfile: 71,
  socketpair: 199,
  setsockopt: 208,
  fcntl: 25,
  flock: 32,
  mount: 40,
  umount2: 39,
  lsetxattr: 6,
  fsetxattr: 7,
  lgetxattr: 9,
  fgetxattr: 10,
  llistxattr: 12,
  flistxattr: 13,
  ppoll: 73,
  openat: 56,
  mkdirat: 34,
  mknodat: 33,
  fchownat: 54,
  unlinkat: 35,
  renameat: 38,
  linkat: 37,
  symlinkat: 36,
  readlinkat: 78,
  fchmodat: 53,
  unshare: 97,
  utimensat: 88,
  eventfd2: 19,
  syncfs: 267,
  setns: 268,
  memfd_create: 279,
  bpf: 280,
  statx: 291,
  copy_file_range: 285,
  pidfd_send_signal: 424,
  prlimit64: 261,
  pidfd_open: 434,
  fsconfig: 431,
  fspick: 433,
  openat2: 437,
  landlock_create_ruleset: 444,
  lseek: 62,
  execveat: 281,
  umask: 166,
};

/** Numbers of the system calls on this machine's architecture (Linux uapi: asm/unistd_64.h, asm-generic/unistd.h). */
export const SYS: Readonly<Record<SyscallName, number>> = process.arch === "arm64" ? NUMBERS_ARM64 : NUMBERS_X64;
