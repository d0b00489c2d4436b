import { constants } from "node:fs";
import { ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import {
  callFailed,
  isWhiteout,
  O_CLOEXEC,
  O_PATH,
  openDirectoryBelow,
  pathBytes,
  readLinkAt,
  S_IF,
  statAt,
} from "./directory-calls.ts";
import { refuseEntry } from "./entry-path.ts";
import { removeTreeAt } from "./remove-tree.ts";

/** A folder of the layer: open, and where it really is, without links. */
export interface OpenFolder {
  readonly fd: number;
  readonly path: string;
}

export interface ResolveOptions {
  /** The entry's name, to refuse it by. */
  readonly entry: string;
  /** What to do with a folder that is missing: make it, or give up. */
  readonly onMissing: "create" | "undefined";
}

const LINKS_MAX = 40;

/** Where in the layer a name lies. */
export function joinPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/**
 * The folder that a layer is unpacked into. Every look-up starts at its descriptor and stays below it: the kernel refuses links
 * (`RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`); links inside of the layer are followed here, one by one, and may not lead out.
 */
export class LayerRoot implements Disposable {
  readonly fd: number;
  readonly #onImplicit: (path: string, isOpaque: boolean) => void;
  #cachedKey: string | undefined;
  #cached: OpenFolder | undefined;

  /** @param onImplicit hears of each folder that was made because an entry is in it. */
  constructor(directory: string, onImplicit: (path: string, isOpaque: boolean) => void) {
    this.fd = syscall(
      SYS.openat,
      -100,
      pathBytes(directory),
      constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC,
      0,
    );
    if (this.fd < 0) throw callFailed("unpack to", directory, this.fd);
    this.#onImplicit = onImplicit;
  }

  /** Opens a folder by its components. The descriptor is valid until the next call. */
  resolve(parts: readonly string[], options: ResolveOptions): OpenFolder | undefined {
    if (parts.length === 0) return { fd: this.fd, path: "" };
    const key = parts.join("/");
    if (this.#cachedKey === key && this.#cached !== undefined) return this.#cached;
    const fd = openDirectoryBelow(this.fd, key, O_PATH);
    if (fd >= 0) return this.#keep(key, { fd, path: key });
    const mayHelp = [ERRNO.ENOENT, ERRNO.ELOOP, ERRNO.ENOTDIR, ERRNO.EXDEV].includes(-fd);
    if (!mayHelp) throw callFailed("unpack", options.entry, fd);
    const path = this.#walk(parts, options);
    if (path === undefined) return undefined;
    if (path === "") return { fd: this.fd, path };
    const walked = openDirectoryBelow(this.fd, path, O_PATH);
    if (walked < 0) throw callFailed("unpack", options.entry, walked);
    return this.#keep(key, { fd: walked, path });
  }

  /** Removes what is there, whatever it is. */
  remove(folder: OpenFolder, name: string): void {
    removeTreeAt(folder.fd, name);
    // The folder that is kept open may have been in it, or have been reached through it.
    if (folder !== this.#cached) this.#drop();
    else this.#cachedKey = undefined;
  }

  #keep(key: string, folder: OpenFolder): OpenFolder {
    this.#drop();
    this.#cachedKey = key;
    this.#cached = folder;
    return folder;
  }

  #drop(): void {
    if (this.#cached !== undefined) syscall(SYS.close, this.#cached.fd);
    this.#cached = undefined;
    this.#cachedKey = undefined;
  }

  /** Where the components lead, as a path without links. */
  #walk(parts: readonly string[], options: ResolveOptions): string | undefined {
    const { entry, onMissing } = options;
    const pending = [...parts];
    let at: string[] = [];
    let links = 0;
    for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
      if (part === "..") {
        if (at.pop() === undefined) throw refuseEntry(entry, "it leaves the layer through a symbolic link");
        continue;
      }
      const found = this.#lookUp(at.join("/"), part, entry);
      if (found.kind === "folder") {
        at.push(part);
      } else if (found.kind === "link") {
        links += 1;
        if (links > LINKS_MAX) throw refuseEntry(entry, "it goes through too many symbolic links");
        if (found.target.startsWith("/")) at = [];
        pending.unshift(...found.target.split("/").filter((piece) => piece !== "" && piece !== "."));
      } else if (found.kind === "other") {
        throw refuseEntry(entry, "one of its folders is no folder");
      } else if (onMissing === "undefined") {
        return undefined;
      } else {
        if (links > 0) throw refuseEntry(entry, "it goes through a symbolic link that leads to no folder of the layer");
        this.#makeImplicit(at.join("/"), part, found.kind === "whiteout");
        at.push(part);
      }
    }
    return at.join("/");
  }

  #lookUp(folder: string, name: string, entry: string): LookUp {
    const fd = openDirectoryBelow(this.fd, folder, O_PATH);
    if (fd < 0) throw callFailed("unpack", entry, fd);
    try {
      const status = statAt(fd, name);
      if (typeof status === "number") {
        if (status === -ERRNO.ENOENT) return { kind: "missing" };
        throw callFailed("unpack", entry, status);
      }
      if (status.kind === S_IF.directory) return { kind: "folder" };
      if (isWhiteout(status)) return { kind: "whiteout" };
      if (status.kind !== S_IF.symlink) return { kind: "other" };
      const target = readLinkAt(fd, name);
      if (typeof target === "number") throw callFailed("unpack", entry, target);
      return { kind: "link", target };
    } finally {
      syscall(SYS.close, fd);
    }
  }

  #makeImplicit(folder: string, name: string, wasWhiteout: boolean): void {
    const path = joinPath(folder, name);
    const fd = openDirectoryBelow(this.fd, folder, O_PATH);
    if (fd < 0) throw callFailed("unpack", path, fd);
    try {
      if (wasWhiteout) removeTreeAt(fd, name);
      const made = syscall(SYS.mkdirat, fd, pathBytes(name), 0o755);
      if (made < 0) throw callFailed("unpack", path, made);
      // The mode is not to depend on the process's umask.
      syscall(SYS.fchmodat, fd, pathBytes(name), 0o755);
    } finally {
      syscall(SYS.close, fd);
    }
    this.#onImplicit(path, wasWhiteout);
  }

  [Symbol.dispose](): void {
    this.#drop();
    syscall(SYS.close, this.fd);
  }
}

type LookUp =
  | { readonly kind: "folder" | "missing" | "whiteout" | "other" }
  | { readonly kind: "link"; readonly target: string };
