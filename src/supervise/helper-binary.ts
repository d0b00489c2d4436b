import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../platform/errno.ts";
import { cString, SYS, syscall } from "../platform/libc.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | SHRINK | GROW | WRITE: nothing about the file can change any more. */
const SEALS = 0xf;

/** Where the native helper's bytes come from: a file, or the bytes that a packaged program carries. */
export type HelperSource = { readonly helperPath: string } | { readonly helperBytes: Uint8Array };

/**
 * The native helper as one sealed memfd for this process: all monitors share its pages, no file can be swapped under
 * them, and a container that finds a way to /proc/self/exe cannot write to it (CVE-2019-5736).
 */
export class HelperBinary {
  /** What to execute. */
  readonly path: string;
  readonly #fd: number | undefined;

  private constructor(path: string, fd?: number) {
    this.path = path;
    this.#fd = fd;
  }

  /** @param fallbackDirectory where the helper is kept as a file when the host forbids executable memfds (vm.memfd_noexec=2). */
  static open(source: HelperSource, fallbackDirectory?: string): HelperBinary {
    const bytes = "helperPath" in source ? readHelper(source.helperPath) : source.helperBytes;
    const fd = createMemfd("gantry-helper", MFD_EXEC);
    if (fd === -ERRNO.EACCES && fallbackDirectory !== undefined)
      return HelperBinary.#openFile(bytes, fallbackDirectory);
    if (fd < 0)
      throw new GantryError("unsupported", `cannot keep the native helper in memory: ${describeErrno(-fd)}`, {
        hint: "the sysctl vm.memfd_noexec must not be 2",
      });
    writeWhole(fd, bytes);
    const sealed = syscall(SYS.fcntl, fd, F_ADD_SEALS, SEALS);
    if (sealed < 0) throw new GantryError("internal", `cannot seal the native helper: ${describeErrno(-sealed)}`);
    return new HelperBinary(`/proc/${process.pid}/fd/${fd}`, fd);
  }

  static #openFile(bytes: Uint8Array, directory: string): HelperBinary {
    const path = join(directory, createHash("sha256").update(bytes).digest("hex"));
    if (!existsSync(path)) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const temporary = `${path}.${process.pid}.tmp`;
      writeFileSync(temporary, bytes);
      chmodSync(temporary, 0o500);
      renameSync(temporary, path);
    }
    return new HelperBinary(path);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}

function readHelper(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GantryError("unavailable", `cannot read the native helper ${path}`, {
      cause,
      hint: "build it with `npm run build`",
    });
  }
}

function createMemfd(name: string, flags: number): number {
  const fd = syscall(SYS.memfd_create, cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
  // Before Linux 6.3 there is no MFD_EXEC, and every memfd can be executed.
  return fd === -ERRNO.EINVAL && flags !== 0 ? createMemfd(name, 0) : fd;
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at);
}

/** A memfd with these bytes, to be inherited; the caller closes it. */
export function memoryFile(name: string, bytes: Uint8Array): number {
  const fd = syscall(SYS.memfd_create, cString(name), MFD_CLOEXEC);
  if (fd < 0) throw new GantryError("exhausted", `cannot make a file in memory: ${describeErrno(-fd)}`);
  writeWhole(fd, bytes);
  return fd;
}
