import { createHash } from "node:crypto";
import { closeSync, constants, fsyncSync, openSync, readSync } from "node:fs";
import { createGzip } from "node:zlib";
import { diskError } from "../errors/disk-error.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { finishDigest } from "../oci/hash-digest.ts";
import { ERRNO } from "../platform/errno.ts";
import { SYS, syscall } from "../platform/libc.ts";
import { writeWholeSync } from "../platform/write-whole.ts";
import type { SparseSegment, TarEntryType } from "../tar/tar-header.ts";
import { encodeTarHeader, type TarEntry, tarDataBytes, tarEnd, tarPadding } from "../tar/tar-writer.ts";
import {
  callFailed,
  type FileStatus,
  isWhiteout,
  namesIn,
  openBelow,
  openDirectoryBelow,
  procPath,
  RESOLVE,
  readLinkAt,
  S_IF,
  statAt,
} from "./unpack/directory-calls.ts";
import { joinPath } from "./unpack/layer-root.ts";
import type { PackedLayer, PackTask } from "./unpack/worker-protocol.ts";
import { getXattr, listXattrs, OPAQUE_XATTR } from "./unpack/xattrs.ts";

export interface PackLayerOptions {
  /** `overlay`: the folder is an upper folder of overlayfs, its whiteouts become the layer's. `plain`: files as they are. */
  readonly format: "overlay" | "plain";
}

const READ_BYTES = 1 << 20;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** Files with fewer bytes in holes are packed whole: most readers do well with sparse ones, but not all. */
const HOLES_BYTES_MIN = 1 << 20;

const TYPES: Readonly<Record<number, TarEntryType>> = {
  [S_IF.file]: "file",
  [S_IF.directory]: "directory",
  [S_IF.symlink]: "symlink",
  [S_IF.character]: "character-device",
  [S_IF.block]: "block-device",
  [S_IF.fifo]: "fifo",
};

/**
 * Makes the tar of a layer from a folder: in the order of names, numeric owners, times to the nanosecond, hard links (the first name
 * in that order has the content), attributes, devices, holes. The same tree gives the same bytes, on any machine. Sockets are left out.
 *
 * What is in the folder may be hostile and may change: nothing is reached through a symbolic link, and a file that shrinks or
 * grows meanwhile is filled up or cut to the size that was said of it.
 */
export function* packLayer(directory: string, options: PackLayerOptions): Generator<Uint8Array, void> {
  const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const firstNames = new Map<string, string>();
    yield* packFolder(root, "", options, firstNames);
    yield tarEnd();
  } finally {
    closeSync(root);
  }
}

function* packFolder(
  root: number,
  start: string,
  options: PackLayerOptions,
  firstNames: Map<string, string>,
): Generator<Uint8Array, void> {
  // A stack of our own: the depth of a tree is its maker's choice.
  const pending: string[] = [start];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const folder = openDirectoryBelow(root, path);
    // It went meanwhile.
    if (folder === -ERRNO.ENOENT || folder === -ERRNO.ENOTDIR || folder === -ERRNO.ELOOP) continue;
    if (folder < 0) throw callFailed("pack", path, folder);
    const folders: string[] = [];
    try {
      const status = statAt(folder, "");
      if (typeof status === "number") throw callFailed("pack", path, status);
      if (path !== "") yield encodeTarHeader({ ...describe(status, `${path}/`), xattrs: listXattrs(folder) });
      if (options.format === "overlay" && getXattr(folder, OPAQUE_XATTR)?.[0] === 0x79) {
        yield encodeTarHeader({ type: "file", path: joinPath(path, ".wh..wh..opq"), mode: 0o600 });
      }
      for (const name of namesIn(folder)) {
        const child = statAt(folder, name);
        if (typeof child === "number") continue;
        if (child.kind === S_IF.directory) folders.push(joinPath(path, name));
        else yield* packFile({ folder, name, path: joinPath(path, name), status: child }, options, firstNames);
      }
    } finally {
      syscall(SYS.close, folder);
    }
    pending.push(...folders.reverse());
  }
}

interface FoundFile {
  readonly folder: number;
  readonly name: string;
  readonly path: string;
  readonly status: FileStatus;
}

function describe(status: FileStatus, path: string): TarEntry {
  const type = TYPES[status.kind];
  if (type === undefined)
    throw new GantryError("unsupported", `cannot pack ${JSON.stringify(path)}: unknown kind of file`);
  return { type, path, mode: status.mode, uid: status.uid, gid: status.gid, mtime: status.mtime };
}

function* packFile(
  file: FoundFile,
  options: PackLayerOptions,
  firstNames: Map<string, string>,
): Generator<Uint8Array, void> {
  const { folder, name, path, status } = file;
  if (status.kind === S_IF.socket) return;
  if (options.format === "overlay" && isWhiteout(status)) {
    const slash = path.lastIndexOf("/") + 1;
    yield encodeTarHeader({ type: "file", path: `${path.slice(0, slash)}.wh.${path.slice(slash)}`, mode: 0o600 });
    return;
  }
  if (status.links > 1) {
    const inode = `${status.device} ${status.inode}`;
    const first = firstNames.get(inode);
    if (first !== undefined) {
      yield encodeTarHeader({ ...describe(status, path), type: "hardlink", linkPath: first });
      return;
    }
    firstNames.set(inode, path);
  }
  if (status.kind === S_IF.file) {
    yield* packContent(file);
    return;
  }
  const entry = describe(status, path);
  const xattrs = listXattrs(procPath(folder, name));
  if (status.kind === S_IF.symlink) {
    const linkPath = readLinkAt(folder, name);
    if (typeof linkPath === "number") return;
    yield encodeTarHeader({ ...entry, linkPath, xattrs, mode: 0o777 });
    return;
  }
  yield encodeTarHeader({ ...entry, xattrs, deviceMajor: status.rdevMajor, deviceMinor: status.rdevMinor });
}

function* packContent(file: FoundFile): Generator<Uint8Array, void> {
  const fd = openBelow(
    file.folder,
    file.name,
    constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW,
    RESOLVE.beneath | RESOLVE.noSymlinks,
  );
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ELOOP) return;
  if (fd < 0) throw callFailed("pack", file.path, fd);
  try {
    const status = statAt(fd, "");
    // It is something else by now.
    if (typeof status === "number" || status.kind !== S_IF.file) return;
    const sparse = findHoles(fd, status);
    const entry: TarEntry = {
      ...describe(status, file.path),
      sizeBytes: status.sizeBytes,
      xattrs: listXattrs(fd),
      ...(sparse === undefined ? {} : { sparse }),
    };
    yield encodeTarHeader(entry);
    for (const segment of sparse ?? [{ offset: 0, length: status.sizeBytes }]) yield* readSegment(fd, segment);
    yield tarPadding(tarDataBytes(entry));
  } finally {
    syscall(SYS.close, fd);
  }
}

/** Where the data of a file with large holes is; `undefined` for all others. */
function findHoles(fd: number, status: FileStatus): readonly SparseSegment[] | undefined {
  if (status.sizeBytes - status.allocatedBytes < HOLES_BYTES_MIN) return undefined;
  const segments: SparseSegment[] = [];
  let dataBytes = 0;
  for (let at = 0; at < status.sizeBytes; ) {
    const offset = syscall(SYS.lseek, fd, at, SEEK_DATA);
    if (offset < 0 || offset >= status.sizeBytes) break;
    const hole = syscall(SYS.lseek, fd, offset, SEEK_HOLE);
    const end = hole < 0 ? status.sizeBytes : Math.min(hole, status.sizeBytes);
    segments.push({ offset, length: end - offset });
    dataBytes += end - offset;
    at = end;
  }
  return status.sizeBytes - dataBytes < HOLES_BYTES_MIN ? undefined : segments;
}

function* readSegment(fd: number, segment: SparseSegment): Generator<Uint8Array, void> {
  for (let done = 0; done < segment.length; ) {
    const bytes = new Uint8Array(Math.min(READ_BYTES, segment.length - done));
    // What is not there any more stays zero.
    const length = readSync(fd, bytes, 0, bytes.length, segment.offset + done);
    const taken = length === 0 ? bytes.length : length;
    yield bytes.subarray(0, taken);
    done += taken;
  }
}

/** Packs to a file, which is synced; on this thread. */
export async function packLayerToFile(task: PackTask): Promise<PackedLayer> {
  const output = openSync(task.outputPath, "wx", 0o600);
  try {
    const diffHash = createHash("sha256");
    const hash = createHash("sha256");
    let sizeBytes = 0;
    const keep = (bytes: Uint8Array): void => {
      hash.update(bytes);
      sizeBytes += bytes.length;
      writeWholeSync(output, bytes);
    };
    const tar = packLayer(task.directory, { format: task.format });
    if (task.compression === "none") {
      for (const bytes of tar) {
        diffHash.update(bytes);
        keep(bytes);
      }
    } else {
      await compress(tar, (bytes) => diffHash.update(bytes), keep);
    }
    fsyncSync(output);
    return { diffId: finishDigest(diffHash), digest: finishDigest(hash), sizeBytes };
  } catch (cause) {
    throw diskError(`cannot pack ${task.directory}`, cause);
  } finally {
    closeSync(output);
  }
}

async function compress(
  tar: Iterable<Uint8Array>,
  onInput: (bytes: Uint8Array) => void,
  onOutput: (bytes: Uint8Array) => void,
): Promise<void> {
  // Without a time or a name in its header, gzip is deterministic.
  const gzip = createGzip({ level: 6, chunkSize: READ_BYTES });
  const finished = new Promise<void>((resolve, reject) => {
    gzip.on("data", (bytes: Uint8Array) => {
      try {
        onOutput(bytes);
      } catch (cause) {
        gzip.destroy(cause instanceof Error ? cause : new Error(String(cause)));
      }
    });
    gzip.on("end", resolve);
    gzip.on("error", reject);
  });
  const failed = finished.then(
    () => true,
    () => true,
  );
  for (const bytes of tar) {
    onInput(bytes);
    if (!gzip.write(bytes)) await Promise.race([new Promise((resolve) => gzip.once("drain", resolve)), failed]);
    if (gzip.destroyed) break;
  }
  gzip.end();
  await finished;
}
