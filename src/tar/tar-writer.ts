import { GantryError } from "../errors/gantry-error.ts";
import { encodeByteText } from "./byte-text.ts";
import { encodePaxRecord, formatPaxTime } from "./pax-records.ts";
import { encodeSparseMap } from "./sparse-map.ts";
import type { TarEntryType, TarHeader } from "./tar-header.ts";
import { BLOCK_BYTES } from "./ustar-block.ts";

const FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};

/** What an entry must say; everything else has a default. */
export type TarEntry = Pick<TarHeader, "type" | "path"> & Partial<TarHeader>;

const EPOCH = { seconds: 0, nanoseconds: 0 };
const OCTAL_12_MAX = 8 ** 11 - 1;
const OCTAL_8_MAX = 8 ** 7 - 1;

function isAscii(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte < 0x80);
}

/** Splits a long name into the fields `prefix` and `name`, if it can be done. */
function splitPath(path: Uint8Array): { readonly name: Uint8Array; readonly prefix: Uint8Array } | undefined {
  if (path.length <= 100) return { name: path, prefix: new Uint8Array() };
  const slash = path.indexOf(0x2f, path.length - 101);
  if (slash <= 0 || slash > 155 || slash === path.length - 1) return undefined;
  return { prefix: path.subarray(0, slash), name: path.subarray(slash + 1) };
}

function writeOctal(block: Uint8Array, at: number, length: number, value: number): void {
  const digits = value.toString(8).padStart(length - 1, "0");
  for (let index = 0; index < digits.length; index++) block[at + index] = digits.charCodeAt(index);
}

interface BlockFields {
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
  readonly linkName: Uint8Array;
  readonly flag: string;
  readonly storedBytes: number;
  readonly entry: TarEntry;
}

function encodeBlock(fields: BlockFields): Uint8Array {
  const { entry, flag } = fields;
  const block = new Uint8Array(BLOCK_BYTES);
  const cut = (value: number, max: number): number => (value < 0 || value > max ? 0 : value);
  block.set(fields.name.subarray(0, 100), 0);
  writeOctal(block, 100, 8, (entry.mode ?? 0) & 0o7777);
  writeOctal(block, 108, 8, cut(entry.uid ?? 0, OCTAL_8_MAX));
  writeOctal(block, 116, 8, cut(entry.gid ?? 0, OCTAL_8_MAX));
  writeOctal(block, 124, 12, cut(fields.storedBytes, OCTAL_12_MAX));
  writeOctal(block, 136, 12, cut((entry.mtime ?? EPOCH).seconds, OCTAL_12_MAX));
  block.fill(0x20, 148, 156);
  block[156] = flag.charCodeAt(0);
  block.set(fields.linkName.subarray(0, 100), 157);
  block.set(Buffer.from("ustar\x0000", "latin1"), 257);
  block.set(encodeByteText(entry.userName ?? "").subarray(0, 31), 265);
  block.set(encodeByteText(entry.groupName ?? "").subarray(0, 31), 297);
  writeOctal(block, 329, 8, cut(entry.deviceMajor ?? 0, OCTAL_8_MAX));
  writeOctal(block, 337, 8, cut(entry.deviceMinor ?? 0, OCTAL_8_MAX));
  block.set(fields.prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `, "latin1"), 148);
  return block;
}

/** Records for what the block cannot hold, in a fixed order. */
function paxRecords(entry: TarEntry, path: Uint8Array, linkPath: Uint8Array, storedBytes: number): Uint8Array[] {
  const records: Uint8Array[] = [];
  const add = (key: string, value: Uint8Array | string): void => {
    records.push(encodePaxRecord(key, value));
  };
  const mtime = entry.mtime ?? EPOCH;
  if (entry.sparse !== undefined) {
    add("GNU.sparse.major", "1");
    add("GNU.sparse.minor", "0");
    add("GNU.sparse.name", path);
    add("GNU.sparse.realsize", String(entry.sizeBytes ?? 0));
  } else if (!isAscii(path) || splitPath(path) === undefined) {
    add("path", path);
  }
  if (!isAscii(linkPath) || linkPath.length > 100) add("linkpath", linkPath);
  for (const [key, value] of [
    ["uid", entry.uid ?? 0],
    ["gid", entry.gid ?? 0],
  ] as const) {
    if (value > OCTAL_8_MAX) add(key, String(value));
  }
  for (const [key, value] of [
    ["uname", entry.userName ?? ""],
    ["gname", entry.groupName ?? ""],
  ] as const) {
    const bytes = encodeByteText(value);
    if (!isAscii(bytes) || bytes.length > 31) add(key, bytes);
  }
  if (storedBytes > OCTAL_12_MAX) add("size", String(storedBytes));
  if (mtime.nanoseconds !== 0 || mtime.seconds < 0 || mtime.seconds > OCTAL_12_MAX) add("mtime", formatPaxTime(mtime));
  const xattrs = [...(entry.xattrs ?? [])].toSorted(([left], [right]) => (left < right ? -1 : 1));
  for (const [name, value] of xattrs) {
    // A record's key ends at its first "=", so such a name has to be escaped, which libarchive's form does.
    if (name.includes("=")) add(`LIBARCHIVE.xattr.${encodeURIComponent(name)}`, Buffer.from(value).toString("base64"));
    else add(`SCHILY.xattr.${name}`, value);
  }
  return records;
}

function checkEntry(entry: TarEntry): void {
  const isPlain = [entry.path, entry.linkPath ?? "", entry.userName ?? "", entry.groupName ?? ""].every(
    (text) => !text.includes("\0"),
  );
  if (!isPlain || entry.path === "") {
    throw new GantryError("invalid-argument", `${JSON.stringify(entry.path)} cannot be the name of a tar entry`);
  }
}

/**
 * What stands before an entry's data: its header, with a pax header where that is needed, and for a sparse file the map.
 * The same entry gives the same bytes. Afterwards the data itself is due (of a sparse file, only its pieces), then `tarPadding`.
 */
export function encodeTarHeader(entry: TarEntry): Uint8Array {
  checkEntry(entry);
  const path = encodeByteText(entry.path);
  const linkPath = encodeByteText(entry.linkPath ?? "");
  const map = entry.sparse === undefined ? new Uint8Array() : encodeSparseMap(entry.sparse, entry.sizeBytes ?? 0);
  const storedBytes = map.length + tarDataBytes(entry);
  const records = paxRecords(entry, path, linkPath, storedBytes);
  const split = splitPath(path) ?? { name: path.subarray(0, 100), prefix: new Uint8Array() };
  const block = encodeBlock({ ...split, linkName: linkPath, flag: FLAGS[entry.type], storedBytes, entry });
  if (records.length === 0) return block;
  const pax = Buffer.concat(records);
  const paxBlock = encodeBlock({
    name: Buffer.from("PaxHeaders/entry"),
    prefix: new Uint8Array(),
    linkName: new Uint8Array(),
    flag: "x",
    storedBytes: pax.length,
    entry: { type: "file", path: "", mode: 0o644 },
  });
  return Buffer.concat([paxBlock, pax, tarPadding(pax.length), block, map]);
}

/** How many bytes of data an entry has in the archive. */
export function tarDataBytes(entry: TarEntry): number {
  if (entry.type !== "file") return 0;
  if (entry.sparse === undefined) return entry.sizeBytes ?? 0;
  return entry.sparse.reduce((total, segment) => total + segment.length, 0);
}

/** The filling after so many bytes of data. */
export function tarPadding(dataBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (dataBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** What ends an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK_BYTES);
}
