import { GantryError } from "../errors/gantry-error.ts";
import { decodeByteText } from "./byte-text.ts";
import { type PaxRecord, readPaxNumber, readPaxTime } from "./pax-records.ts";
import { checkSparse, decodePaxSparse } from "./sparse-map.ts";
import { invalidTar } from "./tar-error.ts";
import type { SparseSegment, TarEntryType, TarHeader } from "./tar-header.ts";
import type { UstarBlock } from "./ustar-block.ts";

const TYPES: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character-device",
  "4": "block-device",
  "5": "directory",
  "6": "fifo",
};
const XATTR = "SCHILY.xattr.";
const LIBARCHIVE_XATTR = "LIBARCHIVE.xattr.";
const GLOBAL_BYTES_MAX = 1 << 20;
/** What names one entry cannot be said for all of them. */
const LOCAL_ONLY = /^(?:path|linkpath|size|GNU\.sparse\..*|SCHILY\.realsize)$/;

/** Puts an entry together from its block and from what stood before it. */
export class EntryBuilder {
  #local: readonly PaxRecord[] = [];
  readonly #global = new Map<string, Uint8Array>();
  #globalBytes = 0;
  #longPath: string | undefined;
  #longLink: string | undefined;
  #oldSparseSize: number | undefined;

  /** Something was said about an entry that has not come yet. */
  get isPending(): boolean {
    return this.#local.length > 0 || this.#longPath !== undefined || this.#longLink !== undefined;
  }

  setLongPath(path: string): void {
    this.#longPath = path;
  }

  setLongLink(path: string): void {
    this.#longLink = path;
  }

  setLocal(records: readonly PaxRecord[]): void {
    this.#local = records;
  }

  /** Records for all entries that follow; a name, a size or a sparse map is not among them. */
  addGlobal(records: readonly PaxRecord[]): void {
    for (const { key, value } of records) {
      if (LOCAL_ONLY.test(key)) continue;
      this.#globalBytes += key.length + value.length;
      if (this.#globalBytes > GLOBAL_BYTES_MAX) throw invalidTar("its global headers are too long");
      this.#global.set(key, value);
    }
  }

  setOldSparseSize(sizeBytes: number): void {
    this.#oldSparseSize = sizeBytes;
  }

  #value(key: string): Uint8Array | undefined {
    const value = this.#local.findLast((record) => record.key === key)?.value ?? this.#global.get(key);
    // An empty value takes the record back.
    return value === undefined || value.length === 0 ? undefined : value;
  }

  #text(key: string): string | undefined {
    const value = this.#value(key);
    return value === undefined ? undefined : decodeByteText(value);
  }

  #number(key: string, what: string): number | undefined {
    const value = this.#value(key);
    return value === undefined ? undefined : readPaxNumber(value, what);
  }

  /** True if the map of a sparse file stands before its data (pax format 1.0). */
  get hasMapInData(): boolean {
    return this.#text("GNU.sparse.major") === "1" && this.#text("GNU.sparse.minor") === "0";
  }

  /** How many bytes follow the header. Links, folders and devices have none, whatever their size says. */
  storedBytes(block: UstarBlock): number {
    const type = TYPES[block.typeFlag];
    if (type !== undefined && type !== "file") return 0;
    return this.#number("size", "size") ?? block.sizeBytes;
  }

  /** The entry. What was said for it alone is used up. */
  build(
    block: UstarBlock,
    content: { readonly dataBytes: number; readonly map?: readonly SparseSegment[] },
  ): TarHeader {
    const path = this.#text("GNU.sparse.name") ?? this.#text("path") ?? this.#longPath ?? block.path;
    const mtime = this.#value("mtime");
    const { type, isFolderName } = typeOf(block, path);
    const map = content.map ?? decodePaxSparse(this.#local);
    const fileBytes =
      this.#number("GNU.sparse.realsize", "size") ?? this.#number("GNU.sparse.size", "size") ?? this.#oldSparseSize;
    const isSparse = map !== undefined && type === "file";
    const header: TarHeader = {
      type: isFolderName ? "directory" : type,
      path,
      linkPath:
        type === "hardlink" || type === "symlink" ? (this.#text("linkpath") ?? this.#longLink ?? block.linkPath) : "",
      mode: block.mode & 0o7777,
      uid: this.#number("uid", "uid") ?? block.uid,
      gid: this.#number("gid", "gid") ?? block.gid,
      userName: this.#text("uname") ?? block.userName,
      groupName: this.#text("gname") ?? block.groupName,
      sizeBytes: isSparse ? (fileBytes ?? content.dataBytes) : content.dataBytes,
      mtime: mtime === undefined ? { seconds: block.mtimeSeconds, nanoseconds: 0 } : readPaxTime(mtime),
      deviceMajor: block.deviceMajor,
      deviceMinor: block.deviceMinor,
      xattrs: this.#xattrs(),
      ...(isSparse
        ? { sparse: checkSparse(map, { fileBytes: fileBytes ?? content.dataBytes, dataBytes: content.dataBytes }) }
        : {}),
    };
    if (path.includes("\0") || header.linkPath.includes("\0")) throw invalidTar("a name has a NUL in it");
    this.#local = [];
    this.#longPath = undefined;
    this.#longLink = undefined;
    this.#oldSparseSize = undefined;
    return header;
  }

  #xattrs(): ReadonlyMap<string, Uint8Array> {
    const xattrs = new Map<string, Uint8Array>();
    const add = (key: string, value: Uint8Array): void => {
      if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
      else if (key.startsWith(LIBARCHIVE_XATTR)) {
        const name = decodeUrlText(key.slice(LIBARCHIVE_XATTR.length));
        if (!xattrs.has(name)) xattrs.set(name, Buffer.from(Buffer.from(value).toString("latin1"), "base64"));
      }
    };
    for (const [key, value] of this.#global) add(key, value);
    for (const { key, value } of this.#local) add(key, value);
    return xattrs;
  }
}

function typeOf(block: UstarBlock, path: string): { readonly type: TarEntryType; readonly isFolderName: boolean } {
  const type = TYPES[block.typeFlag];
  if (type === undefined) {
    const flag = JSON.stringify(block.typeFlag);
    throw new GantryError(
      "unsupported",
      `tar entry ${JSON.stringify(path)} has the type ${flag}, which is not supported`,
    );
  }
  // Tars from before there was a type for folders.
  return { type, isFolderName: type === "file" && block.typeFlag !== "7" && path.endsWith("/") };
}

function decodeUrlText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
