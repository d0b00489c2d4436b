import { closeSync, constants, ftruncateSync } from "node:fs";
import { diskError } from "../../errors/disk-error.ts";
import type { GantryError } from "../../errors/gantry-error.ts";
import { ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { writeWholeSync } from "../../platform/write-whole.ts";
import type { TarEvent, TarHeader, TarTime } from "../../tar/tar-header.ts";
import type { AppliedLayer } from "./applied-layer.ts";
import {
  callFailed,
  deviceNumber,
  isWhiteout,
  namesIn,
  O_CLOEXEC,
  openDirectoryBelow,
  pathBytes,
  S_IF,
  setTimesAt,
  statAt,
} from "./directory-calls.ts";
import { EntryMetadata } from "./entry-metadata.ts";
import { parseEntryPath, refuseEntry, roleOf } from "./entry-path.ts";
import type { LayerLimits } from "./layer-limits.ts";
import { joinPath, LayerRoot, type OpenFolder } from "./layer-root.ts";
import { LayerTally } from "./layer-tally.ts";
import { OPAQUE_XATTR } from "./xattrs.ts";

export interface LayerApplierOptions {
  /**
   * `overlay`: whiteouts become those of overlayfs, the folder is a lower folder for it. `apply`: they remove at once what was
   * in the folder before this layer.
   */
  readonly whiteouts: "overlay" | "apply";
  readonly limits: LayerLimits;
}

const FILE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | O_CLOEXEC;
const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC;
const YES = Buffer.from("y");

interface OpenFile {
  readonly fd: number;
  readonly header: TarHeader;
  written: number;
}

/**
 * Makes files of a layer's entries. Names are hostile: see `LayerRoot`. The last component is never followed: what is there is
 * removed and made anew (`O_EXCL`, `O_NOFOLLOW`, `*at` calls).
 */
export class LayerApplier implements Disposable {
  readonly #root: LayerRoot;
  readonly #options: LayerApplierOptions;
  readonly #tally: LayerTally;
  readonly #metadata = new EntryMetadata();
  /** Folders whose time is set at the end, when nothing is made in them any more. */
  readonly #folderTimes = new Map<string, TarTime>();
  readonly #implicit = new Set<string>([""]);
  readonly #links: { readonly path: string; readonly target: string }[] = [];
  /** What this layer made, where whiteouts spare it. */
  readonly #made = new Set<string>();
  #file: OpenFile | undefined;
  #sizeBytes = 0;
  #isOpaque = false;

  constructor(directory: string, options: LayerApplierOptions) {
    this.#options = options;
    this.#tally = new LayerTally(options.limits);
    this.#root = new LayerRoot(directory, (path, isOpaque) => {
      this.#implicit.add(path);
      this.#remember(path);
      this.#folderTimes.set(path, { seconds: 0, nanoseconds: 0 });
      if (isOpaque) this.#markOpaque(path);
    });
  }

  /** Takes what a `TarReader` gives. */
  take(event: TarEvent): void {
    if (event.kind === "entry") this.#begin(event.header);
    else if (event.kind === "data") this.#write(event.bytes, event.offset);
    else this.#end();
  }

  /** Ends the layer. What it needs of the layers below is in the result. */
  finish(): Omit<AppliedLayer, "diffId"> {
    for (const [path, mtime] of this.#folderTimes) {
      const fd = openDirectoryBelow(this.#root.fd, path);
      // Something else took its place.
      if (fd < 0) continue;
      setTimesAt(fd, "", mtime);
      syscall(SYS.close, fd);
    }
    return {
      sizeBytes: this.#sizeBytes,
      entries: this.#tally.entries,
      isOpaque: this.#isOpaque,
      lowerWork: { implicitDirectories: [...this.#implicit], links: this.#links },
      warnings: this.#metadata.warnings,
    };
  }

  #begin(header: TarHeader): void {
    this.#tally.count(header);
    const parts = parseEntryPath(header.path, this.#options.limits);
    const role = roleOf(parts);
    const name = parts.at(-1);
    if (role.kind === "ignored") return;
    if (name === undefined) {
      if (header.type !== "directory") throw refuseEntry(header.path, "it would replace the layer's root");
      this.#describeFolder(this.#root.fd, "", header);
      return;
    }
    const folder = this.#root.resolve(parts.slice(0, -1), { entry: header.path, onMissing: "create" });
    if (folder === undefined) throw refuseEntry(header.path, "its folder is missing");
    if (role.kind === "opaque") this.#hideLower(folder);
    else if (role.kind === "whiteout") this.#whiteout(folder, role.target);
    else this.#make(folder, name, header);
  }

  #make(folder: OpenFolder, name: string, header: TarHeader): void {
    const path = joinPath(folder.path, name);
    this.#remember(path);
    if (header.type === "directory") this.#makeFolder(folder, name, header);
    else if (header.type === "file") this.#makeFile(folder, name, header);
    else if (header.type === "hardlink") this.#link(folder, name, header);
    else this.#makeSpecial(folder, name, header);
  }

  #makeFile(folder: OpenFolder, name: string, header: TarHeader): void {
    const fd = this.#replacing(folder, name, () => syscall(SYS.openat, folder.fd, pathBytes(name), FILE_FLAGS, 0o600));
    this.#file = { fd, header, written: 0 };
    this.#sizeBytes += header.sizeBytes;
  }

  #makeSpecial(folder: OpenFolder, name: string, header: TarHeader): void {
    if (header.type === "symlink") {
      const target = pathBytes(header.linkPath);
      this.#replacing(folder, name, () => syscall(SYS.symlinkat, target, folder.fd, pathBytes(name)));
      this.#sizeBytes += target.length - 1;
      this.#metadata.describeSpecial(folder, name, header, false);
      return;
    }
    const device = this.#deviceOf(header);
    const kind = header.type === "fifo" ? S_IF.fifo : header.type === "block-device" ? S_IF.block : S_IF.character;
    this.#replacing(folder, name, () => syscall(SYS.mknodat, folder.fd, pathBytes(name), kind | 0o600, device));
    this.#metadata.describeSpecial(folder, name, header, true);
  }

  #deviceOf(header: TarHeader): number {
    if (header.type === "fifo") return 0;
    const { deviceMajor, deviceMinor } = header;
    if (deviceMajor < 0 || deviceMajor > 0xfff || deviceMinor < 0 || deviceMinor > 0xfffff) {
      throw refuseEntry(header.path, `the device ${deviceMajor}:${deviceMinor} is out of range`);
    }
    return deviceNumber(deviceMajor, deviceMinor);
  }

  /** Makes something that must not be there yet; what is there is removed first. */
  #replacing(folder: OpenFolder, name: string, call: () => number): number {
    const path = joinPath(folder.path, name);
    let result = call();
    if (result === -ERRNO.EEXIST) {
      this.#forget(path);
      this.#root.remove(folder, name);
      result = call();
    }
    if (result < 0) throw callFailed("unpack", path, result);
    return result;
  }

  #makeFolder(folder: OpenFolder, name: string, header: TarHeader): void {
    const path = joinPath(folder.path, name);
    let made = syscall(SYS.mkdirat, folder.fd, pathBytes(name), 0o700);
    let hidesLower = false;
    if (made === -ERRNO.EEXIST) {
      const status = statAt(folder.fd, name);
      const isFolder = typeof status !== "number" && status.kind === S_IF.directory;
      hidesLower = typeof status !== "number" && isWhiteout(status);
      if (!isFolder) {
        this.#forget(path);
        this.#root.remove(folder, name);
        made = syscall(SYS.mkdirat, folder.fd, pathBytes(name), 0o700);
      } else {
        made = 0;
      }
    }
    if (made < 0) throw callFailed("unpack", path, made);
    const fd = syscall(SYS.openat, folder.fd, pathBytes(name), FOLDER_FLAGS, 0);
    if (fd < 0) throw callFailed("unpack", path, fd);
    try {
      this.#describeFolder(fd, path, header);
      if (hidesLower) this.#metadata.setXattr(fd, path, OPAQUE_XATTR, YES);
    } finally {
      syscall(SYS.close, fd);
    }
  }

  #describeFolder(fd: number, path: string, header: TarHeader): void {
    this.#metadata.describeOpen(fd, path, header);
    this.#implicit.delete(path);
    this.#folderTimes.set(path, header.mtime);
  }

  #link(folder: OpenFolder, name: string, header: TarHeader): void {
    const path = joinPath(folder.path, name);
    const parts = parseLinkTarget(header, this.#options.limits);
    const targetFolder = this.#root.resolve(parts.slice(0, -1), { entry: header.path, onMissing: "undefined" });
    const target = joinPath(targetFolder?.path ?? "", parts.at(-1) ?? "");
    const status = targetFolder === undefined ? undefined : statAt(targetFolder.fd, parts.at(-1) ?? "");
    const isHere = typeof status === "object" && !isWhiteout(status);
    // Looked up again: the descriptor was the other folder's meanwhile.
    const here = this.#root.resolve(folder.path === "" ? [] : folder.path.split("/"), {
      entry: header.path,
      onMissing: "create",
    });
    if (here === undefined) throw refuseEntry(header.path, "its folder is missing");
    if (isHere && status.kind === S_IF.directory) throw refuseEntry(header.path, "it is a hard link to a folder");
    if (!isHere) {
      if (typeof status === "object" || this.#options.whiteouts === "apply") throw missingTarget(header);
      this.#links.push({ path, target: parts.join("/") });
      return;
    }
    if (target === path) return;
    this.#replacing(here, name, () =>
      syscall(SYS.linkat, this.#root.fd, pathBytes(target), here.fd, pathBytes(name), 0),
    );
  }

  #whiteout(folder: OpenFolder, name: string): void {
    const path = joinPath(folder.path, name);
    if (this.#options.whiteouts === "apply") {
      if (!this.#made.has(path)) this.#root.remove(folder, name);
      return;
    }
    const made = syscall(SYS.mknodat, folder.fd, pathBytes(name), S_IF.character, 0);
    if (made === 0) return;
    if (made !== -ERRNO.EEXIST) throw callFailed("unpack the whiteout of", path, made);
    // It hides what is below, never what came in its own layer (image-spec, layer.md): a folder of the same name hides it then.
    const status = statAt(folder.fd, name);
    if (typeof status !== "number" && status.kind === S_IF.directory) this.#markOpaque(path);
  }

  #hideLower(folder: OpenFolder): void {
    if (this.#options.whiteouts === "overlay") {
      this.#markOpaque(folder.path);
      return;
    }
    const fd = openDirectoryBelow(this.#root.fd, folder.path);
    if (fd < 0) throw callFailed("unpack", folder.path, fd);
    try {
      for (const name of namesIn(fd)) {
        if (!this.#made.has(joinPath(folder.path, name))) this.#root.remove({ fd, path: folder.path }, name);
      }
    } finally {
      syscall(SYS.close, fd);
    }
  }

  #markOpaque(path: string): void {
    if (this.#options.whiteouts === "apply") return;
    if (path === "") this.#isOpaque = true;
    const fd = openDirectoryBelow(this.#root.fd, path);
    if (fd < 0) throw callFailed("unpack", path, fd);
    try {
      this.#metadata.setXattr(fd, path, OPAQUE_XATTR, YES);
    } finally {
      syscall(SYS.close, fd);
    }
  }

  #write(bytes: Uint8Array, offset: number): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      writeWholeSync(file.fd, bytes, offset);
    } catch (cause) {
      throw diskError(`cannot unpack ${JSON.stringify(file.header.path)}`, cause);
    }
    file.written = offset + bytes.length;
  }

  #end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    try {
      if (file.written < file.header.sizeBytes) ftruncateSync(file.fd, file.header.sizeBytes);
      this.#metadata.describeOpen(file.fd, file.header.path, file.header);
      setTimesAt(file.fd, "", file.header.mtime);
    } catch (cause) {
      throw diskError(`cannot unpack ${JSON.stringify(file.header.path)}`, cause);
    } finally {
      closeSync(file.fd);
    }
  }

  #remember(path: string): void {
    if (this.#options.whiteouts !== "apply") return;
    for (let at = path.length; at > 0; at = path.lastIndexOf("/", at - 1)) this.#made.add(path.slice(0, at));
  }

  /** What is removed is neither implicit any more, nor does its time matter. */
  #forget(path: string): void {
    this.#implicit.delete(path);
    this.#folderTimes.delete(path);
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
    this.#root[Symbol.dispose]();
  }
}

function parseLinkTarget(header: TarHeader, limits: LayerLimits): readonly string[] {
  const parts = parseEntryPath(header.linkPath, { ...limits, linkedFrom: header.path });
  if (parts.length === 0) throw refuseEntry(header.path, "it is a hard link to a folder");
  return parts;
}

/** A hard link to what is nowhere. */
export function missingTarget(header: Pick<TarHeader, "path" | "linkPath">): GantryError {
  return refuseEntry(header.path, `it is a hard link to ${JSON.stringify(header.linkPath)}, which is not in the image`);
}
