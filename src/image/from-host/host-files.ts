import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";
import { type ElfFile, parseElf } from "../../elf/elf-file.ts";
import { GantryError } from "../../errors/gantry-error.ts";

/** What is at a path, links not followed. */
export interface HostFile {
  readonly type: "file" | "directory" | "symlink" | "other";
  /** Permission bits, set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly device: bigint;
  readonly inode: bigint;
  readonly links: number;
}

/** The first bytes of a script that the kernel looks at (binfmt_script, BINPRM_BUF_SIZE). */
const SCRIPT_HEAD_BYTES = 256;

/** What a program file is, as the kernel and the loader see it. */
export type Program =
  | { readonly kind: "elf"; readonly elf: ElfFile }
  | { readonly kind: "script"; readonly interpreter: string; readonly argument?: string }
  | { readonly kind: "data" };

/** Reads the host's files. All paths are absolute; links in them are the caller's to follow. */
export class HostFiles {
  readonly #root: string;

  /** @param root where the host's file system is; tests have small ones of their own. */
  constructor(root = "/") {
    this.#root = root;
  }

  /** Where a path is for this process. */
  realPath(path: string): string {
    return join(this.#root, path);
  }

  stat(path: string): HostFile | undefined {
    const stats = lstatSync(this.realPath(path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    const type = stats.isFile()
      ? "file"
      : stats.isDirectory()
        ? "directory"
        : stats.isSymbolicLink()
          ? "symlink"
          : "other";
    return {
      type,
      mode: Number(stats.mode) & 0o7777,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      sizeBytes: Number(stats.size),
      mtimeNs: stats.mtimeNs,
      device: stats.dev,
      inode: stats.ino,
      links: Number(stats.nlink),
    };
  }

  readLink(path: string): string {
    return readlinkSync(this.realPath(path));
  }

  /** Names in a folder, in an order that does not depend on the file system. */
  list(path: string): readonly string[] {
    return readdirSync(this.realPath(path)).sort();
  }

  /** The whole of a small file; undefined if it is not there. */
  read(path: string, maxBytes: number): Uint8Array | undefined {
    if (this.stat(path)?.type !== "file") return undefined;
    return this.#withFile(path, (readAt) => readAt(0, maxBytes));
  }

  /** What kind of program a regular file is. */
  program(path: string): Program {
    return this.#withFile(path, (readAt): Program => {
      const head = Buffer.from(readAt(0, SCRIPT_HEAD_BYTES)).toString("latin1");
      const script = /^#![ \t]*([^ \t\n\0]+)(?:[ \t]+([^\n\0]*?))?[ \t]*(?:\n|\0|$)/.exec(head);
      if (script !== null) {
        const [, interpreter = "", argument = ""] = script;
        return { kind: "script", interpreter, ...(argument === "" ? {} : { argument }) };
      }
      let elf: ElfFile | undefined;
      try {
        elf = parseElf(readAt);
      } catch (cause) {
        throw new GantryError("data-loss", `cannot read the program ${path}`, { cause });
      }
      return elf === undefined ? { kind: "data" } : { kind: "elf", elf };
    });
  }

  #withFile<T>(path: string, read: (readAt: (offset: number, length: number) => Uint8Array) => T): T {
    const fd = openSync(this.realPath(path), "r");
    try {
      const { size } = fstatSync(fd);
      return read((offset, length) => {
        const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
        return buffer.byteLength === 0
          ? buffer
          : buffer.subarray(0, readSync(fd, buffer, 0, buffer.byteLength, offset));
      });
    } finally {
      closeSync(fd);
    }
  }
}
