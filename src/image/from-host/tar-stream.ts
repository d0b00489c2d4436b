import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";
import { encodeTarHeader, type TarEntry, tarEnd, tarPadding } from "../../tar/tar-writer.ts";
import type { HostFile, HostFiles } from "./host-files.ts";
import type { PackedEntry } from "./packing-list.ts";

const CHUNK_BYTES = 1024 * 1024;
/** Files up to this size are read at once: four waits for each of ten thousand small files would cost more than their bytes. */
const SMALL_BYTES = 64 * 1024;
const CAPABILITY_BYTES_MAX = 64;
const NS_PER_SECOND = 1_000_000_000n;

/** File capabilities (capabilities(7)): what makes `ping` work without root. */
function readCapabilities(path: string): ReadonlyMap<string, Uint8Array> {
  const buffer = new Uint8Array(CAPABILITY_BYTES_MAX);
  const length = syscall(SYS.lgetxattr, cString(path), cString("security.capability"), buffer, buffer.byteLength);
  return new Map(length > 0 ? [["security.capability", buffer.slice(0, length)]] : []);
}

function describeHost(entry: PackedEntry & { kind: "host" }, realPath: string): TarEntry {
  const { file } = entry;
  let seconds = file.mtimeNs / NS_PER_SECOND;
  let nanoseconds = file.mtimeNs % NS_PER_SECOND;
  if (nanoseconds < 0n) [seconds, nanoseconds] = [seconds - 1n, nanoseconds + NS_PER_SECOND];
  const common = {
    path: entry.path.slice(1),
    mode: file.mode,
    uid: file.uid,
    gid: file.gid,
    mtime: { seconds: Number(seconds), nanoseconds: Number(nanoseconds) },
  };
  if (file.type === "directory") return { ...common, type: "directory", path: `${common.path}/` };
  if (file.type === "symlink") return { ...common, type: "symlink", linkPath: entry.linkPath ?? "" };
  return { ...common, type: "file", sizeBytes: file.sizeBytes, xattrs: readCapabilities(realPath) };
}

function changedError(path: string): GantryError {
  return new GantryError("conflict", `cannot pack ${path}: it was changed meanwhile`, { hint: "try again" });
}

function readSmallFile(path: string, realPath: string, file: HostFile): Uint8Array {
  const fd = openSync(realPath, "r");
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (stats.ino !== file.inode || stats.mtimeNs !== file.mtimeNs) throw changedError(path);
    const bytes = new Uint8Array(file.sizeBytes);
    for (let done = 0; done < bytes.byteLength; ) {
      const count = readSync(fd, bytes, done, bytes.byteLength - done, done);
      if (count === 0) throw changedError(path);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

async function* readLargeFile(path: string, realPath: string, file: HostFile): AsyncGenerator<Uint8Array> {
  await using handle = await open(realPath, "r");
  const stats = await handle.stat({ bigint: true });
  if (stats.ino !== file.inode || stats.mtimeNs !== file.mtimeNs) throw changedError(path);
  for (let left = file.sizeBytes; left > 0; ) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(Math.min(left, CHUNK_BYTES)));
    if (bytesRead === 0) throw changedError(path);
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * The entries as one tar archive, in pieces worth writing: the same files give the same bytes. What is hard-linked on the
 * host is so in it.
 *
 * @throws `conflict` if a file is not any more what it was when it was listed.
 */
export async function* streamTar(entries: readonly PackedEntry[], files: HostFiles): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of streamEntries(entries, files)) {
    pieces.push(piece);
    sizeBytes += piece.byteLength;
    if (sizeBytes < CHUNK_BYTES) continue;
    yield Buffer.concat(pieces, sizeBytes);
    pieces = [];
    sizeBytes = 0;
  }
  if (sizeBytes > 0) yield Buffer.concat(pieces, sizeBytes);
}

async function* streamEntries(entries: readonly PackedEntry[], files: HostFiles): AsyncGenerator<Uint8Array> {
  const linked = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind === "made") {
      const content = typeof entry.content === "string" ? Buffer.from(entry.content) : entry.content;
      const path = entry.path.slice(1);
      if (content === undefined) {
        yield encodeTarHeader({ type: "directory", path: `${path}/`, mode: entry.mode });
        continue;
      }
      yield encodeTarHeader({ type: "file", path, mode: entry.mode, sizeBytes: content.byteLength });
      yield content;
      yield tarPadding(content.byteLength);
      continue;
    }
    const { path, file } = entry;
    const realPath = files.realPath(path);
    const header = describeHost(entry, realPath);
    const key = `${file.device}:${file.inode}`;
    const first = file.type === "file" && file.links > 1 ? linked.get(key) : undefined;
    if (first !== undefined) {
      yield encodeTarHeader({ ...header, type: "hardlink", linkPath: first, sizeBytes: 0, xattrs: new Map() });
      continue;
    }
    yield encodeTarHeader(header);
    if (file.type !== "file") continue;
    linked.set(key, header.path);
    if (file.sizeBytes <= SMALL_BYTES) yield readSmallFile(path, realPath, file);
    else yield* readLargeFile(path, realPath, file);
    yield tarPadding(file.sizeBytes);
  }
  yield tarEnd();
}
