import { posix } from "node:path";
import { setImmediate } from "node:timers/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import type { HostFile, HostFiles } from "./host-files.ts";

/** Something that goes into the image. */
export type PackedEntry =
  /** As it is on the host. */
  | { readonly kind: "host"; readonly path: string; readonly file: HostFile; readonly linkPath?: string }
  /** Made by us. */
  | { readonly kind: "made"; readonly path: string; readonly mode: number; readonly content?: string | Uint8Array };

const LINKS_MAX = 40;
const ENTRIES_MAX = 1_000_000;
const YIELD_EVERY = 256;

/**
 * What is to be packed, each path once. A path brings along what leads to it: its folders, and every symbolic link on the
 * way with what that points to, so that in the image it means the same as on the host.
 */
export class PackingList {
  readonly #files: HostFiles;
  readonly #entries = new Map<string, PackedEntry>();

  constructor(files: HostFiles) {
    this.#files = files;
  }

  /** In the order in which they can be unpacked: folders before what is in them. */
  entries(): readonly PackedEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  has(path: string): boolean {
    return this.#entries.has(path);
  }

  /** Adds what is made by us, unless the host gave something for that path. */
  make(path: string, mode: number, content?: string | Uint8Array): void {
    if (!this.#entries.has(path))
      this.#put({ kind: "made", path, mode, ...(content === undefined ? {} : { content }) });
  }

  /**
   * Adds a path. A folder is added without what is in it.
   *
   * @returns where it is with all links followed, and what is there; undefined if there is nothing.
   */
  add(path: string): { readonly path: string; readonly file: HostFile } | undefined {
    const found = this.#follow(path);
    if (found === undefined) return undefined;
    for (const entry of found.entries) if (!this.#entries.has(entry.path)) this.#put(entry);
    return { path: found.path, file: found.file };
  }

  /** Where a path is with all links followed, and what is there, without adding it. */
  resolve(path: string): { readonly path: string; readonly file: HostFile } | undefined {
    return this.#follow(path);
  }

  /** Adds all that is in a folder, on its file system. Links are kept as they are; sockets and devices are left out. */
  async addTree(path: string, onFile: (path: string, file: HostFile) => void): Promise<void> {
    const device = this.#files.stat(path)?.device;
    const waiting = [path];
    for (let count = 1; ; count++) {
      const folder = waiting.pop();
      if (folder === undefined) return;
      if (count % YIELD_EVERY === 0) await setImmediate();
      for (const name of this.#files.list(folder)) {
        const child = posix.join(folder, name);
        const file = this.#files.stat(child);
        if (file === undefined || file.type === "other" || file.device !== device) continue;
        const linkPath = file.type === "symlink" ? { linkPath: this.#files.readLink(child) } : {};
        this.#put({ kind: "host", path: child, file, ...linkPath });
        if (file.type === "directory") waiting.push(child);
        else onFile(child, file);
      }
    }
  }

  /** Finds a path's end and all that has to be packed for it, without packing. */
  #follow(path: string) {
    const entries: PackedEntry[] = [];
    let links = 0;
    let pending = path.split("/");
    let at = "/";
    let file = this.#files.stat(at);
    while (pending.length > 0) {
      const [name = "", ...rest] = pending;
      pending = rest;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at = posix.dirname(at);
        file = this.#files.stat(at);
        continue;
      }
      if (file?.type !== "directory") return undefined;
      const child = posix.join(at, name);
      file = this.#files.stat(child);
      if (file === undefined) return undefined;
      if (file.type !== "symlink") {
        // When a folder on the way was last written to says nothing about what is packed.
        const known = file.type === "directory" ? { ...file, mtimeNs: 0n, inode: 0n, device: 0n, sizeBytes: 0 } : file;
        entries.push({ kind: "host", path: child, file: known });
        at = child;
        continue;
      }
      if (++links > LINKS_MAX)
        throw new GantryError("invalid-argument", `cannot pack ${path}: its symbolic links go in a circle`);
      const linkPath = this.#files.readLink(child);
      entries.push({ kind: "host", path: child, file, linkPath });
      pending = [...linkPath.split("/"), ...pending];
      if (linkPath.startsWith("/")) at = "/";
      file = this.#files.stat(at);
    }
    return file === undefined ? undefined : { path: at, file, entries };
  }

  #put(entry: PackedEntry): void {
    if (this.#entries.size >= ENTRIES_MAX) {
      throw new GantryError("exhausted", `cannot pack more than ${ENTRIES_MAX} files into one image`);
    }
    this.#entries.set(entry.path, entry);
  }
}
