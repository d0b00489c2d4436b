import { ERRNO } from "./errno.ts";
import { cString, SYS, syscall } from "./libc.ts";

/**
 * Files by bare system calls, for a process that lives some milliseconds: node:fs takes more than one of them to load.
 * Paths hold no NUL. As with `syscall`, a failure is -errno.
 */
const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
const O_CLOEXEC = 0o2000000;

/** What is there may be read, written, made, added to; a fifo without a reader is ENXIO (open(2)). */
export const OPEN = { readOnly: 0, writeOnly: 1, create: 0o100, append: 0o2000, nonBlocking: 0o4000 } as const;

/** A descriptor, close-on-exec. */
export function openRawFile(path: string, flags: number, mode = 0): number {
  return syscall(SYS.openat, AT_FDCWD, cString(path), flags | O_CLOEXEC, mode);
}

export function closeRawFile(fd: number): void {
  syscall(SYS.close, fd);
}

/** One read(2), begun again when a signal ends it. */
function readSome(fd: number, bytes: Uint8Array): number {
  for (;;) {
    const count = syscall(SYS.read, fd, bytes, bytes.length);
    if (count !== -ERRNO.EINTR) return count;
  }
}

/** All until its end, which for a fifo is when the last writer has closed it. */
export function readRawFile(fd: number): Uint8Array | number {
  let bytes = new Uint8Array(16_384);
  for (let length = 0; ; ) {
    const count = readSome(fd, bytes.subarray(length));
    if (count < 0) return count;
    if (count === 0) return bytes.subarray(0, length);
    length += count;
    if (length < bytes.length) continue;
    const larger = new Uint8Array(2 * bytes.length);
    larger.set(bytes);
    bytes = larger;
  }
}

/** A file's text. */
export function readRawText(path: string): string | number {
  const fd = openRawFile(path, OPEN.readOnly);
  if (fd < 0) return fd;
  const bytes = readRawFile(fd);
  closeRawFile(fd);
  return typeof bytes === "number" ? bytes : new TextDecoder().decode(bytes);
}

/** Writes all of it. @returns 0 or -errno */
export function writeRawText(fd: number, text: string): number {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; ) {
    const count = syscall(SYS.write, fd, bytes.subarray(at), bytes.length - at);
    if (count < 0 && count !== -ERRNO.EINTR) return count;
    at += Math.max(count, 0);
  }
  return 0;
}

/** 0 or -errno. */
export function removeRawFile(path: string): number {
  return syscall(SYS.unlinkat, AT_FDCWD, cString(path), 0);
}

/** Of an empty folder. 0 or -errno. */
export function removeRawFolder(path: string): number {
  return syscall(SYS.unlinkat, AT_FDCWD, cString(path), AT_REMOVEDIR);
}
