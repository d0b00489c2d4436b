import { decodeByteText } from "./byte-text.ts";
import { invalidTar } from "./tar-error.ts";

/** Tar archives are made of blocks of this size. */
export const BLOCK_BYTES = 512;

/** The fields of a header block, as they stand there (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format"). */
export interface UstarBlock {
  readonly typeFlag: string;
  readonly path: string;
  readonly linkPath: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  readonly userName: string;
  readonly groupName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Bytes up to the first NUL. */
export function untilNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

/** Base-256: the first bit says so, the second is the sign (GNU tar, "Extensions"). */
function readBase256(field: Uint8Array, what: string): number {
  const isNegative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = BigInt(isNegative ? (field[0] ?? 0) | 0x80 : (field[0] ?? 0) & 0x3f);
  if (isNegative) value -= 256n;
  for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw invalidTar(`its ${what} is out of range`);
  return number;
}

/** A number in octal digits or base-256; empty is 0. */
export function readNumber(field: Uint8Array, what: string): number {
  if (((field[0] ?? 0) & 0x80) !== 0) return readBase256(field, what);
  let value = 0;
  let hasEnded = false;
  let hasDigits = false;
  for (const byte of field) {
    if (byte === 0) break;
    if (byte === 0x20) {
      hasEnded = hasDigits;
    } else if (byte >= 0x30 && byte <= 0x37 && !hasEnded) {
      value = value * 8 + byte - 0x30;
      hasDigits = true;
    } else {
      throw invalidTar(`its ${what} is not a number`);
    }
  }
  return value;
}

/** True if a block is all zero. */
export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

function checkSum(block: Uint8Array): void {
  const stored = readNumber(block.subarray(148, 156), "checksum");
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK_BYTES; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += byte;
    // Old tars summed signed characters.
    signed += byte > 127 ? byte - 256 : byte;
  }
  if (stored !== unsigned && stored !== signed) throw invalidTar("a header's checksum is wrong");
}

function prefixOf(block: Uint8Array, magic: string): Uint8Array {
  // GNU keeps times where ustar has the prefix; star has a shorter one.
  if (magic !== "ustar\0") return new Uint8Array();
  const isStar = Buffer.from(block.subarray(508, 512)).toString("latin1") === "tar\0";
  return untilNul(block.subarray(345, isStar ? 476 : 500));
}

/** Reads a header block. @throws `data-loss` if it is none. */
export function decodeUstarBlock(block: Uint8Array): UstarBlock {
  checkSum(block);
  const magic = Buffer.from(block.subarray(257, 263)).toString("latin1");
  const prefix = prefixOf(block, magic);
  const name = decodeByteText(untilNul(block.subarray(0, 100)));
  const hasDevices = magic.startsWith("ustar");
  return {
    typeFlag: String.fromCharCode(block[156] ?? 0),
    path: prefix.length === 0 ? name : `${decodeByteText(prefix)}/${name}`,
    linkPath: decodeByteText(untilNul(block.subarray(157, 257))),
    mode: readNumber(block.subarray(100, 108), "mode"),
    uid: readNumber(block.subarray(108, 116), "uid"),
    gid: readNumber(block.subarray(116, 124), "gid"),
    sizeBytes: readNumber(block.subarray(124, 136), "size"),
    mtimeSeconds: readNumber(block.subarray(136, 148), "time"),
    userName: hasDevices ? decodeByteText(untilNul(block.subarray(265, 297))) : "",
    groupName: hasDevices ? decodeByteText(untilNul(block.subarray(297, 329))) : "",
    deviceMajor: hasDevices ? readNumber(block.subarray(329, 337), "device number") : 0,
    deviceMinor: hasDevices ? readNumber(block.subarray(337, 345), "device number") : 0,
  };
}
