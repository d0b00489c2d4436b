import { ERRNO } from "./errno.ts";
import { cString, SYS, syscall } from "./libc.ts";
import { writeWholeSync } from "./write-whole.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | SHRINK | GROW | WRITE: nothing about the file can change any more. */
const SEALS = 0xf;

/** A memory file's descriptor, or -errno. Before Linux 6.3 there is no MFD_EXEC, and every memory file can be executed. */
function create(name: string, flags: number): number {
  const fd = syscall(SYS.memfd_create, cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
  return fd === -ERRNO.EINVAL && flags !== 0 ? create(name, 0) : fd;
}

/** A memory file with these bytes, close-on-exec. @returns its descriptor, which the caller closes, or -errno. */
export function openMemoryFile(name: string, bytes: Uint8Array): number {
  const fd = create(name, 0);
  if (fd >= 0) writeWholeSync(fd, bytes);
  return fd;
}

/**
 * A program in a memory file that nobody can write to any more (CVE-2019-5736), close-on-exec.
 *
 * @returns its descriptor, which the caller closes, or -errno; -EACCES where the host forbids it (vm.memfd_noexec=2).
 */
export function openSealedProgram(name: string, bytes: Uint8Array): number {
  const fd = create(name, MFD_EXEC);
  if (fd < 0) return fd;
  writeWholeSync(fd, bytes);
  const sealed = syscall(SYS.fcntl, fd, F_ADD_SEALS, SEALS);
  return sealed < 0 ? sealed : fd;
}
