import { closeSync, constants, fchmodSync, fchownSync, openSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import type { LowerWork } from "./applied-layer.ts";
import {
  callFailed,
  isWhiteout,
  O_CLOEXEC,
  O_PATH,
  openBelow,
  openDirectoryBelow,
  pathBytes,
  RESOLVE,
  S_IF,
  setTimesAt,
  statAt,
} from "./directory-calls.ts";
import { missingTarget } from "./layer-applier.ts";
import { getXattr, listXattrs, OPAQUE_XATTR, setXattr } from "./xattrs.ts";

const COPY_BYTES = 1 << 30;

function isOpaque(fd: number): boolean {
  return getXattr(fd, OPAQUE_XATTR)?.[0] === "y".charCodeAt(0);
}

/** Where a look-up through one layer ends: found, hidden from there down, or to be continued below. */
type Step = { readonly found: boolean } | "below";

/** Looks for a path in one layer, as overlayfs merges: a whiteout, a file, or an opaque folder on the way hides what is below. */
function lookIn(layer: number, path: string): Step {
  let isHidden = false;
  const parts = path.split("/");
  for (let depth = 0; depth <= parts.length; depth++) {
    const prefix = parts.slice(0, depth).join("/");
    if (depth === parts.length && path !== "") {
      const parent = openDirectoryBelow(layer, parts.slice(0, -1).join("/"), O_PATH);
      if (parent < 0) return isHidden ? { found: false } : "below";
      const status = statAt(parent, parts.at(-1) ?? "");
      syscall(SYS.close, parent);
      if (typeof status === "object") return { found: !isWhiteout(status) };
      return isHidden ? { found: false } : "below";
    }
    const fd = openDirectoryBelow(layer, prefix);
    if (fd < 0) return fd === -ERRNO.ENOENT && !isHidden ? "below" : { found: false };
    isHidden ||= isOpaque(fd);
    syscall(SYS.close, fd);
    if (path === "") return { found: true };
  }
  return "below";
}

/** True if the layer itself hides what is below it at `path`. */
function hidesLower(layer: number, path: string): boolean {
  const parts = path === "" ? [] : path.split("/");
  for (let depth = 0; depth <= parts.length; depth++) {
    const fd = openDirectoryBelow(layer, parts.slice(0, depth).join("/"));
    if (fd < 0) return fd !== -ERRNO.ENOENT;
    const hides = isOpaque(fd);
    syscall(SYS.close, fd);
    if (hides) return true;
  }
  return false;
}

/** The topmost of the lower layers in which `path` can be seen. */
function findLower(layer: number, lower: readonly number[], path: string): number | undefined {
  if (hidesLower(layer, path.split("/").slice(0, -1).join("/"))) return undefined;
  for (const candidate of lower) {
    const step = lookIn(candidate, path);
    if (step !== "below") return step.found ? candidate : undefined;
  }
  return undefined;
}

function describeLike(target: number, source: number, path: string): void {
  const status = statAt(source, "");
  if (typeof status === "number") throw callFailed("read", path, status);
  fchownSync(target, status.uid, status.gid);
  fchmodSync(target, status.mode);
  for (const [name, value] of listXattrs(source)) {
    const result = setXattr(target, name, value);
    if (result < 0) throw callFailed(`set ${name} on`, path, result);
  }
  setTimesAt(target, "", status.mtime);
}

/** A folder that a layer uses without describing it is as it is below: overlayfs would show the upper one's owner and mode. */
function completeFolder(layer: number, lower: readonly number[], path: string): void {
  if (path !== "" && hidesLower(layer, path)) return;
  const source = findLower(layer, lower, path);
  if (source === undefined) return;
  const from = openDirectoryBelow(source, path);
  if (from < 0) return;
  const to = openDirectoryBelow(layer, path);
  try {
    if (to >= 0) describeLike(to, from, path);
  } finally {
    syscall(SYS.close, from);
    if (to >= 0) syscall(SYS.close, to);
  }
}

function ensureFolder(layer: number, lower: readonly number[], path: string): void {
  if (path === "") return;
  const parts = path.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const prefix = parts.slice(0, depth).join("/");
    const parent = openDirectoryBelow(layer, parts.slice(0, depth - 1).join("/"), O_PATH);
    if (parent < 0) throw callFailed("unpack", prefix, parent);
    const made = syscall(SYS.mkdirat, parent, pathBytes(parts[depth - 1] ?? ""), 0o755);
    syscall(SYS.close, parent);
    if (made === 0) completeFolder(layer, lower, prefix);
    else if (made !== -ERRNO.EEXIST) throw callFailed("unpack", prefix, made);
  }
}

/**
 * A hard link to a file of a layer below: as overlayfs does when something links there, the file is copied up under its own name,
 * and linked to that.
 */
function linkToLower(layer: number, lower: readonly number[], link: { path: string; target: string }): void {
  const { path, target } = link;
  const refused = missingTarget({ path, linkPath: target });
  const source = findLower(layer, lower, target);
  if (source === undefined) throw refused;
  const from = openBelow(
    source,
    target,
    constants.O_RDONLY | constants.O_NONBLOCK,
    RESOLVE.beneath | RESOLVE.noSymlinks,
  );
  const status = from < 0 ? undefined : statAt(from, "");
  if (from < 0 || typeof status !== "object" || status.kind !== S_IF.file) {
    if (from >= 0) syscall(SYS.close, from);
    throw refused;
  }
  try {
    ensureFolder(layer, lower, target.split("/").slice(0, -1).join("/"));
    withFolderOf(layer, target, (folder, name) => {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | O_CLOEXEC;
      const to = syscall(SYS.openat, folder, pathBytes(name), flags, 0o600);
      // A second link to the same file.
      if (to === -ERRNO.EEXIST) return;
      if (to < 0) throw callFailed("unpack", target, to);
      try {
        copyAll(from, to, target);
        describeLike(to, from, target);
      } finally {
        syscall(SYS.close, to);
      }
    });
    withFolderOf(layer, path, (folder, name) => {
      const linked = syscall(SYS.linkat, layer, pathBytes(target), folder, pathBytes(name), 0);
      if (linked < 0) throw callFailed("unpack", path, linked);
    });
  } finally {
    syscall(SYS.close, from);
  }
}

/** Works in the folder of `path`, whose time stays as it is. */
function withFolderOf(layer: number, path: string, work: (folder: number, name: string) => void): void {
  const parts = path.split("/");
  const folder = openDirectoryBelow(layer, parts.slice(0, -1).join("/"));
  if (folder < 0) throw callFailed("unpack", path, folder);
  try {
    const status = statAt(folder, "");
    work(folder, parts.at(-1) ?? "");
    if (typeof status === "object") setTimesAt(folder, "", status.mtime);
  } finally {
    syscall(SYS.close, folder);
  }
}

function copyAll(from: number, to: number, path: string): void {
  for (;;) {
    const copied = syscall(SYS.copy_file_range, from, null, to, null, COPY_BYTES, 0);
    if (copied === 0) return;
    if (copied < 0) throw callFailed("copy", path, copied);
  }
}

/**
 * Completes an unpacked layer from those below it (topmost first), then brings all of it to the disk with one syncfs(2).
 *
 * @throws `invalid-argument` for a hard link to what no layer has.
 */
export function finishLayer(directory: string, lower: readonly string[], work: LowerWork): void {
  const folders: number[] = [];
  try {
    const layer = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    folders.push(layer);
    for (const path of lower) folders.push(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
    const below = folders.slice(1);
    if (below.length > 0) for (const path of work.implicitDirectories) completeFolder(layer, below, path);
    for (const link of work.links) linkToLower(layer, below, link);
    const synced = syscall(SYS.syncfs, layer);
    if (synced < 0)
      throw new GantryError("internal", `cannot sync ${directory}`, { cause: callFailed("sync", directory, synced) });
  } finally {
    for (const fd of folders) closeSync(fd);
  }
}
