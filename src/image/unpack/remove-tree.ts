import { constants } from "node:fs";
import { basename, dirname } from "node:path";
import { ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { AT_REMOVEDIR, callFailed, namesIn, O_CLOEXEC, pathBytes } from "./directory-calls.ts";

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC;

/**
 * Removes what `name` in an open folder is, without following links. A folder in the tree is first moved to the top of it, so
 * that neither the stack, nor the number of descriptors, nor the length of paths grows with the depth.
 *
 * @throws what the kernel says, for anything but "it is not there".
 */
export function removeTreeAt(directory: number, name: string): void {
  const removed = syscall(SYS.unlinkat, directory, pathBytes(name), 0);
  if (removed === 0 || removed === -ERRNO.ENOENT) return;
  if (removed !== -ERRNO.EISDIR && removed !== -ERRNO.EPERM) throw callFailed("remove", name, removed);
  const top = syscall(SYS.openat, directory, pathBytes(name), FOLDER_FLAGS, 0);
  if (top < 0) throw callFailed("remove", name, top === -ERRNO.ENOTDIR || top === -ERRNO.ELOOP ? removed : top);
  try {
    emptyFolder(top, name);
  } finally {
    syscall(SYS.close, top);
  }
  const result = syscall(SYS.unlinkat, directory, pathBytes(name), AT_REMOVEDIR);
  if (result < 0 && result !== -ERRNO.ENOENT) throw callFailed("remove", name, result);
}

function emptyFolder(top: number, shown: string): void {
  let moved = 0;
  const pending: string[] = [];
  const take = (folder: number, name: string): void => {
    const result = syscall(SYS.unlinkat, folder, pathBytes(name), 0);
    if (result === 0 || result === -ERRNO.ENOENT) return;
    if (result !== -ERRNO.EISDIR && result !== -ERRNO.EPERM) throw callFailed("remove", `${shown}/${name}`, result);
    if (folder === top) {
      pending.push(name);
      return;
    }
    if (syscall(SYS.unlinkat, folder, pathBytes(name), AT_REMOVEDIR) === 0) return;
    moved += 1;
    const aside = `.gantry-removed-${moved}`;
    const renamed = syscall(SYS.renameat, folder, pathBytes(name), top, pathBytes(aside));
    if (renamed < 0) throw callFailed("remove", `${shown}/${name}`, renamed);
    pending.push(aside);
  };
  for (const name of namesIn(top)) take(top, name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const folder = syscall(SYS.openat, top, pathBytes(name), FOLDER_FLAGS, 0);
    if (folder < 0) throw callFailed("remove", `${shown}/${name}`, folder);
    try {
      for (const child of namesIn(folder)) take(folder, child);
    } finally {
      syscall(SYS.close, folder);
    }
    const result = syscall(SYS.unlinkat, top, pathBytes(name), AT_REMOVEDIR);
    if (result < 0) throw callFailed("remove", `${shown}/${name}`, result);
  }
}

/** Removes the tree at `path`. Idempotent. */
export function removeTree(path: string): void {
  const parent = syscall(SYS.openat, -100, pathBytes(dirname(path)), FOLDER_FLAGS, 0);
  if (parent === -ERRNO.ENOENT) return;
  if (parent < 0) throw callFailed("remove", path, parent);
  try {
    removeTreeAt(parent, basename(path));
  } finally {
    syscall(SYS.close, parent);
  }
}
