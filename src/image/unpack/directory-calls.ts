import { constants, readdirSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { decodeByteText, encodeByteText } from "../../tar/byte-text.ts";

/** How openat2(2) may resolve a path. */
export const RESOLVE = { noMagicLinks: 0x02, noSymlinks: 0x04, beneath: 0x08 } as const;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
const STATX_BASIC_STATS = 0x7ff;

/** Kinds of files, as in `st_mode`. */
export const S_IF = {
  mask: 0o170000,
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

/** What statx(2) says about a file. */
export interface FileStatus {
  readonly kind: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly inode: bigint;
  readonly device: string;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number };
  readonly rdevMajor: number;
  readonly rdevMinor: number;
}

/** A path as system calls want it. */
export function pathBytes(path: string): Uint8Array {
  return encodeByteText(`${path}\0`);
}

/** The error for a failed call on `path`: a full disk, a missing right and a bad name have codes of their own. */
export function callFailed(doing: string, path: string, errno: number): GantryError {
  const positive = Math.abs(errno);
  const shown = JSON.stringify(path === "" ? "/" : path);
  if (positive === ERRNO.ENOSPC || positive === ERRNO.EDQUOT) {
    return new GantryError("exhausted", `cannot ${doing} ${shown}: no space left on device`, {
      hint: "free some space, or use a --root on a larger disk",
    });
  }
  const code =
    positive === ERRNO.EPERM || positive === ERRNO.EACCES
      ? "permission-denied"
      : positive === ERRNO.ENAMETOOLONG || positive === ERRNO.EINVAL
        ? "invalid-argument"
        : "internal";
  return new GantryError(code, `cannot ${doing} ${shown}: ${describeErrno(positive)}`);
}

const how = new BigUint64Array(3);

/** openat2(2): the descriptor, or -errno. */
export function openBelow(directory: number, path: string, flags: number, resolve: number): number {
  for (let attempt = 0; ; attempt++) {
    how[0] = BigInt(flags | O_CLOEXEC);
    how[1] = 0n;
    how[2] = BigInt(resolve | RESOLVE.noMagicLinks);
    const result = syscall(SYS.openat2, directory, pathBytes(path === "" ? "." : path), how, 24);
    // Something was renamed meanwhile: openat2(2), EAGAIN.
    if (result !== -ERRNO.EAGAIN || attempt === 100) return result;
  }
}

/** Opens a folder below another one, never through a symbolic link: the descriptor, or -errno. */
export function openDirectoryBelow(directory: number, path: string, flags: number = constants.O_RDONLY): number {
  return openBelow(directory, path, flags | constants.O_DIRECTORY, RESOLVE.beneath | RESOLVE.noSymlinks);
}

const statBuffer = new Uint8Array(256);
const statView = new DataView(statBuffer.buffer);

/** What a name in a folder is, links not followed; `""` is the descriptor itself. A number is -errno. */
export function statAt(directory: number, name: string): FileStatus | number {
  const result = syscall(
    SYS.statx,
    directory,
    pathBytes(name),
    AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
    STATX_BASIC_STATS,
    statBuffer,
  );
  if (result < 0) return result;
  const mode = statView.getUint16(28, true);
  return {
    kind: mode & S_IF.mask,
    mode: mode & 0o7777,
    links: statView.getUint32(16, true),
    uid: statView.getUint32(20, true),
    gid: statView.getUint32(24, true),
    inode: statView.getBigUint64(32, true),
    sizeBytes: Number(statView.getBigUint64(40, true)),
    allocatedBytes: Number(statView.getBigUint64(48, true)) * 512,
    mtime: { seconds: Number(statView.getBigInt64(112, true)), nanoseconds: statView.getUint32(120, true) },
    rdevMajor: statView.getUint32(128, true),
    rdevMinor: statView.getUint32(132, true),
    device: `${statView.getUint32(136, true)}:${statView.getUint32(140, true)}`,
  };
}

/** True for overlayfs's whiteout: a character device 0:0 (kernel, filesystems/overlayfs.rst, "whiteouts and opaque directories"). */
export function isWhiteout(status: FileStatus): boolean {
  return status.kind === S_IF.character && status.rdevMajor === 0 && status.rdevMinor === 0;
}

const linkBuffer = Buffer.alloc(4096);

/** The target of a symbolic link; a number is -errno. */
export function readLinkAt(directory: number, name: string): string | number {
  const result = syscall(SYS.readlinkat, directory, pathBytes(name), linkBuffer, linkBuffer.length);
  return result < 0 ? result : decodeByteText(linkBuffer.subarray(0, result));
}

const times = new BigInt64Array(4);

/** Sets access and modification time; `""` is the descriptor itself. Returns 0 or -errno. */
export function setTimesAt(
  directory: number,
  name: string,
  mtime: { readonly seconds: number; readonly nanoseconds: number },
): number {
  times[0] = times[2] = BigInt(mtime.seconds);
  times[1] = times[3] = BigInt(mtime.nanoseconds);
  return name === ""
    ? syscall(SYS.utimensat, directory, null, times, 0)
    : syscall(SYS.utimensat, directory, pathBytes(name), times, AT_SYMLINK_NOFOLLOW);
}

/** Names in an open folder, in the order of their bytes. */
export function namesIn(directory: number): string[] {
  const names: Buffer[] = readdirSync(`/proc/self/fd/${directory}`, { encoding: "buffer" });
  return names.toSorted((left, right) => Buffer.compare(left, right)).map((name) => decodeByteText(name));
}

/** A path to a name in an open folder, for calls that have no `at` form. Its last component is not followed by l-calls. */
export function procPath(directory: number, name: string): string {
  return `/proc/self/fd/${directory}/${name}`;
}

/** The device number as mknod(2) takes it. */
export function deviceNumber(major: number, minor: number): number {
  return (((minor & ~0xff) << 12) | (major << 8) | (minor & 0xff)) >>> 0;
}
