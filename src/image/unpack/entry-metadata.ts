import { fchmodSync, fchownSync } from "node:fs";
import { diskError } from "../../errors/disk-error.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import type { TarHeader } from "../../tar/tar-header.ts";
import { AT_SYMLINK_NOFOLLOW, callFailed, pathBytes, procPath, setTimesAt } from "./directory-calls.ts";
import { joinPath, type OpenFolder } from "./layer-root.ts";
import { isForeignXattr, isXattrUnsupported, OPAQUE_XATTR, setXattr } from "./xattrs.ts";

const WARNINGS_MAX = 10;

/** Gives what was unpacked its owner, mode, extended attributes and time. */
export class EntryMetadata {
  readonly warnings: string[] = [];

  /** Owner first: changing it clears the set-id bits and the capabilities. */
  describeOpen(fd: number, path: string, header: TarHeader): void {
    try {
      fchownSync(fd, header.uid, header.gid);
      fchmodSync(fd, header.mode);
    } catch (cause) {
      throw diskError(`cannot set the owner or mode of ${JSON.stringify(path)}`, cause);
    }
    for (const [name, value] of header.xattrs) if (!isForeignXattr(name)) this.setXattr(fd, path, name, value);
  }

  /** For what cannot be opened: links, devices, pipes. */
  describeSpecial(folder: OpenFolder, name: string, header: TarHeader, hasMode: boolean): void {
    const path = joinPath(folder.path, name);
    const bytes = pathBytes(name);
    const owned = syscall(SYS.fchownat, folder.fd, bytes, header.uid, header.gid, AT_SYMLINK_NOFOLLOW);
    if (owned < 0) throw callFailed("set the owner of", path, owned);
    const moded = hasMode ? syscall(SYS.fchmodat, folder.fd, bytes, header.mode) : 0;
    if (moded < 0) throw callFailed("set the mode of", path, moded);
    for (const [key, value] of header.xattrs) {
      if (!isForeignXattr(key)) this.setXattr(procPath(folder.fd, name), path, key, value);
    }
    setTimesAt(folder.fd, name, header.mtime);
  }

  /** What the file system cannot keep is lost with a warning; what is ours, the mark of an opaque folder, must be kept. */
  setXattr(target: number | string, path: string, name: string, value: Uint8Array): void {
    const result = setXattr(target, name, value);
    if (result >= 0) return;
    if (!isXattrUnsupported(result) || name === OPAQUE_XATTR) throw callFailed(`set ${name} on`, path, result);
    if (this.warnings.length < WARNINGS_MAX) {
      this.warnings.push(`${JSON.stringify(path)} lost its attribute ${name}, which cannot be kept here`);
    }
  }
}
