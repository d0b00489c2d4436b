import { lstatSync, type Stats } from "node:fs";
import { chmod, copyFile, lchown, link, mkdir, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../platform/errno.ts";
import { cString, SYS, syscall } from "../platform/libc.ts";
import type { LayeredTree, TreeEntry } from "./layered-tree.ts";

type Folder = TreeEntry & { readonly kind: "folder" };

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const ATTRIBUTE_LIST_BYTES = 65536;

/**
 * Copies a folder of a layered tree, itself included, onto an existing empty folder: contents, owners, modes, times, extended
 * attributes, hard links, devices and FIFOs. The kernel copies the bytes; the event loop stays free between entries.
 */
export async function copyUp(tree: LayeredTree, source: Folder, target: string): Promise<void> {
  const linked = new Map<string, string>();
  await copyFolder(tree, source, target, linked);
}

async function copyFolder(
  tree: LayeredTree,
  source: Folder,
  target: string,
  linked: Map<string, string>,
): Promise<void> {
  for (const name of tree.names(source)) {
    const entry = tree.child(source, name);
    if (entry === undefined) continue;
    const path = join(target, name);
    if (entry.kind === "folder") {
      await mkdir(path, { mode: 0o700 });
      await copyFolder(tree, entry, path, linked);
    } else {
      await copyOther(entry.path, entry.stat, path, linked);
    }
  }
  await copyMetadata(source.path, source.stat, target);
}

async function copyOther(source: string, stat: Stats, target: string, linked: Map<string, string>): Promise<void> {
  const key = `${stat.dev}:${stat.ino}`;
  const first = stat.nlink > 1 ? linked.get(key) : undefined;
  if (first !== undefined) return link(first, target);
  if (stat.isSocket()) return;
  if (stat.isSymbolicLink()) await symlink(await readlink(source), target);
  else if (stat.isFile()) await copyFile(source, target);
  else makeNode(target, stat);
  if (stat.nlink > 1) linked.set(key, target);
  await copyMetadata(source, stat, target);
}

function makeNode(target: string, stat: Stats): void {
  check(syscall(SYS.mknodat, AT_FDCWD, cString(target), stat.mode, stat.rdev), "make the device", target);
}

async function copyMetadata(source: string, stat: Stats, target: string): Promise<void> {
  await lchown(target, stat.uid, stat.gid);
  // After the owner: a change of owner clears set-uid bits and file capabilities.
  if (!stat.isSymbolicLink()) await chmod(target, stat.mode & 0o7777);
  copyAttributes(source, target);
  const { atimeNs, mtimeNs } = lstatSync(source, { bigint: true });
  const times = new BigInt64Array([...timespec(atimeNs), ...timespec(mtimeNs)]);
  check(syscall(SYS.utimensat, AT_FDCWD, cString(target), times, AT_SYMLINK_NOFOLLOW), "set the times of", target);
}

/** `struct timespec`: the nanoseconds count up, before 1970 too. Node's own `lutimes` takes no such time. */
function timespec(nanoseconds: bigint): readonly [bigint, bigint] {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return [(nanoseconds - rest) / 1_000_000_000n, rest];
}

/** Copies extended attributes, the overlay's own left out: they mean something only in a layer. */
function copyAttributes(source: string, target: string): void {
  const list = new Uint8Array(ATTRIBUTE_LIST_BYTES);
  const length = syscall(SYS.llistxattr, cString(source), list, list.byteLength);
  if (length <= 0) return;
  const value = new Uint8Array(ATTRIBUTE_LIST_BYTES);
  for (const name of Buffer.from(list.subarray(0, length)).toString("utf8").split("\0")) {
    if (name === "" || name.startsWith("trusted.overlay.")) continue;
    const size = syscall(SYS.lgetxattr, cString(source), cString(name), value, value.byteLength);
    if (size < 0) continue;
    const result = syscall(SYS.lsetxattr, cString(target), cString(name), value.subarray(0, size), size, 0);
    if (result !== -ERRNO.EOPNOTSUPP && result !== -ERRNO.ENOTSUP) check(result, `set attribute ${name} on`, target);
  }
}

function check(result: number, what: string, path: string): void {
  if (result < 0) throw new GantryError("unavailable", `cannot ${what} ${path}: ${describeErrno(-result)}`);
}
