import type { PaxRecord } from "./pax-records.ts";
import { readPaxNumber } from "./pax-records.ts";
import { invalidTar } from "./tar-error.ts";
import type { SparseSegment } from "./tar-header.ts";
import { BLOCK_BYTES, readNumber } from "./ustar-block.ts";

/** The most pieces that a sparse file may have. */
export const SPARSE_SEGMENTS_MAX = 1 << 18;

const ENTRY_BYTES = 24;

/** Entries of GNU's old format (GNU tar, "Old GNU Format"): ended by an empty one or by the room for them. */
export function decodeOldSparse(room: Uint8Array): readonly SparseSegment[] {
  const segments: SparseSegment[] = [];
  for (let at = 0; at + ENTRY_BYTES <= room.length; at += ENTRY_BYTES) {
    if (room[at] === 0) break;
    segments.push({
      offset: readNumber(room.subarray(at, at + 12), "sparse map"),
      length: readNumber(room.subarray(at + 12, at + ENTRY_BYTES), "sparse map"),
    });
  }
  return segments;
}

/** The map of the pax formats 0.0 (a record for each number) and 0.1 (one record), if there is one. */
export function decodePaxSparse(records: readonly PaxRecord[]): readonly SparseSegment[] | undefined {
  const numbers: number[] = [];
  let isSparse = false;
  for (const { key, value } of records) {
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      const isTurn = (key === "GNU.sparse.offset") === (numbers.length % 2 === 0);
      if (!isTurn) throw invalidTar("its sparse map is out of order");
      numbers.push(readPaxNumber(value, "sparse map"));
      isSparse = true;
    } else if (key === "GNU.sparse.map") {
      const text = Buffer.from(value).toString("latin1");
      numbers.length = 0;
      if (text !== "") for (const part of text.split(",")) numbers.push(readPaxNumber(Buffer.from(part), "sparse map"));
      isSparse = true;
    }
    if (numbers.length > 2 * SPARSE_SEGMENTS_MAX) throw invalidTar("its sparse map is too long");
  }
  return isSparse ? pairs(numbers) : undefined;
}

function pairs(numbers: readonly number[]): readonly SparseSegment[] {
  if (numbers.length % 2 !== 0) throw invalidTar("its sparse map is incomplete");
  const segments: SparseSegment[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    segments.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 });
  }
  return segments;
}

/** Checks a map: in order, without overlaps, inside of the file, and as much as there is data. Empty pieces are dropped. */
export function checkSparse(
  segments: readonly SparseSegment[],
  sizes: { readonly fileBytes: number; readonly dataBytes: number },
): readonly SparseSegment[] {
  let end = 0;
  let total = 0;
  for (const { offset, length } of segments) {
    if (offset < end || offset + length > sizes.fileBytes) throw invalidTar("its sparse map is inconsistent");
    end = offset + length;
    total += length;
  }
  if (total !== sizes.dataBytes) throw invalidTar("its sparse map does not fit its data");
  return segments.filter((segment) => segment.length > 0);
}

/** Reads the map of the pax format 1.0, which stands before the data: lines of decimal numbers, filled up to a block. */
export class SparseMapReader {
  readonly #numbers: number[] = [];
  #digits = "";
  #lines = -1;

  /** Takes a block. True: the map is complete. */
  push(block: Uint8Array): boolean {
    for (const byte of block) {
      if (byte >= 0x30 && byte <= 0x39 && this.#digits.length < 16) {
        this.#digits += String.fromCharCode(byte);
        continue;
      }
      if (byte !== 0x0a || this.#digits === "") throw invalidTar("its sparse map is malformed");
      const number = readPaxNumber(Buffer.from(this.#digits), "sparse map");
      this.#digits = "";
      if (this.#lines < 0) {
        if (number > SPARSE_SEGMENTS_MAX) throw invalidTar("its sparse map is too long");
        this.#lines = 2 * number;
      } else {
        this.#numbers.push(number);
      }
      if (this.#numbers.length === this.#lines) return true;
    }
    return false;
  }

  get segments(): readonly SparseSegment[] {
    return pairs(this.#numbers);
  }
}

/** Writes the map of the pax format 1.0. A hole at the end gets an empty piece after it: GNU tar makes the file no longer than the last piece. */
export function encodeSparseMap(segments: readonly SparseSegment[], fileBytes: number): Uint8Array {
  const last = segments.at(-1);
  const isHoleLast = (last === undefined ? 0 : last.offset + last.length) < fileBytes;
  const pieces = isHoleLast ? [...segments, { offset: fileBytes, length: 0 }] : segments;
  const text = [pieces.length, ...pieces.flatMap(({ offset, length }) => [offset, length])].join("\n");
  const length = Math.ceil((text.length + 1) / BLOCK_BYTES) * BLOCK_BYTES;
  const bytes = Buffer.alloc(length);
  bytes.write(`${text}\n`, "latin1");
  return bytes;
}
