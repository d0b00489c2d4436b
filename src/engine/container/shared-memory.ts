import { mkdirSync, rmdirSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno } from "../../platform/errno.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";

/** MS_NOSUID | MS_NODEV | MS_NOEXEC */
const FLAGS = 2 | 4 | 8;
const MNT_DETACH = 2;

/**
 * Mounts the /dev/shm of a container that shares its IPC namespace (`--ipc shareable`). The one mount that the engine makes
 * on the host: the kernel does not let another container's mount namespace take a mount out of this one's. Its folder
 * carries the container's id, and what is left over is found by listing.
 */
export function mountSharedMemory(
  path: string,
  options: {
    readonly sizeBytes: number;
    /** Of SELinux; `""`: none. */
    readonly label: string;
  },
): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  unmountSharedMemory(path);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const context = options.label === "" ? "" : `,context="${options.label}"`;
  const data = cString(`mode=1777,size=${options.sizeBytes}${context}`);
  const result = syscall(SYS.mount, cString("shm"), cString(path), cString("tmpfs"), FLAGS, data);
  if (result < 0) throw new GantryError("unavailable", `cannot mount ${path}: ${describeErrno(-result)}`);
}

/** Unmounts and removes it; containers that have it keep it. Idempotent. */
export function unmountSharedMemory(path: string): void {
  for (let mounted = 0; mounted < 16; mounted++) {
    if (syscall(SYS.umount2, cString(path), MNT_DETACH) < 0) break;
  }
  try {
    rmdirSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ENOENT") throw error;
  }
}
