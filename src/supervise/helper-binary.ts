import { createHash } from "node:crypto";
import { chmodSync, closeSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../platform/errno.ts";
import { openMemoryFile, openSealedProgram } from "../platform/memory-file.ts";

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
    const fd = openSealedProgram("gantry-helper", bytes);
    if (fd === -ERRNO.EACCES && fallbackDirectory !== undefined)
      return HelperBinary.#openFile(bytes, fallbackDirectory);
    if (fd < 0)
      throw new GantryError("unsupported", `cannot keep the native helper in memory: ${describeErrno(-fd)}`, {
        hint: "the sysctl vm.memfd_noexec must not be 2",
      });
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

/** A memfd with these bytes, to be inherited; the caller closes it. */
export function memoryFile(name: string, bytes: Uint8Array): number {
  const fd = openMemoryFile(name, bytes);
  if (fd < 0) throw new GantryError("exhausted", `cannot make a file in memory: ${describeErrno(-fd)}`);
  return fd;
}
