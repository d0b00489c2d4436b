import { decodeByteText } from "./byte-text.ts";
import { EntryBuilder } from "./entry-builder.ts";
import { decodePaxRecords } from "./pax-records.ts";
import { decodeOldSparse, SPARSE_SEGMENTS_MAX, SparseMapReader } from "./sparse-map.ts";
import { invalidTar } from "./tar-error.ts";
import type { SparseSegment, TarEvent } from "./tar-header.ts";
import { BLOCK_BYTES, decodeUstarBlock, isZeroBlock, readNumber, type UstarBlock, untilNul } from "./ustar-block.ts";

/** The most bytes that a pax header, or a GNU long name, may have. */
const META_BYTES_MAX = 1 << 20;
const META_FLAGS = new Set(["x", "g", "X", "L", "K"]);

type Phase = "header" | "meta" | "old-sparse" | "sparse-map" | "data" | "end";

/**
 * Reads a tar archive (v7, ustar, pax, GNU, star) from pieces of any size, without I/O and without buffering file contents.
 * Total: whatever the bytes are, it gives events or throws `data-loss`.
 */
export class TarReader {
  readonly #entries = new EntryBuilder();
  #phase: Phase = "header";
  /** A block that has not come whole yet. */
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #blockFill = 0;
  #header: UstarBlock | undefined;
  #meta: Uint8Array[] = [];
  #oldSparse: SparseSegment[] = [];
  #mapReader = new SparseMapReader();
  /** Bytes of the current data, and of the filling after it, that have not come yet. */
  #remaining = 0;
  #padding = 0;
  #segments: readonly SparseSegment[] = [];
  #segmentIndex = 0;
  #segmentDone = 0;
  #zeroBlocks = 0;

  /** Takes the next bytes of the archive. All events are to be consumed before the next call. */
  *push(chunk: Uint8Array): Generator<TarEvent, void> {
    let at = 0;
    while (at < chunk.length && this.#phase !== "end") {
      if (this.#phase === "data" || this.#phase === "meta") {
        const taken = Math.min(this.#remaining, chunk.length - at);
        const bytes = chunk.subarray(at, at + taken);
        at += taken;
        this.#remaining -= taken;
        if (this.#phase === "data") yield* this.#placeData(bytes);
        else if (taken > 0) this.#meta.push(bytes.slice());
        if (this.#remaining > 0) continue;
        const filling = Math.min(this.#padding, chunk.length - at);
        at += filling;
        this.#padding -= filling;
        if (this.#padding > 0) continue;
        if (this.#phase === "data") yield { kind: "entry-end" };
        else this.#endMeta();
        this.#phase = "header";
        continue;
      }
      const taken = Math.min(BLOCK_BYTES - this.#blockFill, chunk.length - at);
      let block: Uint8Array;
      if (taken === BLOCK_BYTES) {
        block = chunk.subarray(at, at + BLOCK_BYTES);
      } else {
        this.#block.set(chunk.subarray(at, at + taken), this.#blockFill);
        this.#blockFill += taken;
        block = this.#block;
      }
      at += taken;
      if (taken !== BLOCK_BYTES && this.#blockFill < BLOCK_BYTES) continue;
      this.#blockFill = 0;
      if (this.#phase === "header") yield* this.#takeHeader(block);
      else if (this.#phase === "old-sparse") yield* this.#takeOldSparse(block);
      else yield* this.#takeSparseMap(block);
    }
  }

  /** Says that no more bytes come. @throws `data-loss` if an entry is not whole. */
  finish(): void {
    const isWhole =
      this.#phase === "end" || (this.#phase === "header" && this.#blockFill === 0 && !this.#entries.isPending);
    if (!isWhole) throw invalidTar("it is truncated");
  }

  *#takeHeader(block: Uint8Array): Generator<TarEvent, void> {
    if (isZeroBlock(block)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#phase = "end";
      return;
    }
    if (this.#zeroBlocks > 0) throw invalidTar("an entry follows its end");
    const header = decodeUstarBlock(block);
    if (header.sizeBytes < 0) throw invalidTar("a size is negative");
    this.#header = header;
    if (META_FLAGS.has(header.typeFlag)) {
      if (header.sizeBytes > META_BYTES_MAX) throw invalidTar(`an extended header has ${header.sizeBytes} bytes`);
      this.#expect("meta", header.sizeBytes);
      if (header.sizeBytes === 0) {
        this.#endMeta();
        this.#phase = "header";
      }
      return;
    }
    if (header.typeFlag === "S") {
      this.#oldSparse = [...decodeOldSparse(block.subarray(386, 482))];
      this.#entries.setOldSparseSize(readNumber(block.subarray(483, 495), "size"));
      if (block[482] !== 0) {
        this.#phase = "old-sparse";
        return;
      }
    }
    yield* this.#begin();
  }

  *#takeOldSparse(block: Uint8Array): Generator<TarEvent, void> {
    this.#oldSparse.push(...decodeOldSparse(block.subarray(0, 504)));
    if (this.#oldSparse.length > SPARSE_SEGMENTS_MAX) throw invalidTar("its sparse map is too long");
    if (block[504] === 0) yield* this.#begin();
  }

  /** All that describes the entry is known, but perhaps the map that stands in its data. */
  *#begin(): Generator<TarEvent, void> {
    const header = this.#header;
    if (header === undefined) throw invalidTar("it is malformed");
    const storedBytes = this.#entries.storedBytes(header);
    this.#expect("data", storedBytes);
    if (this.#entries.hasMapInData) {
      this.#mapReader = new SparseMapReader();
      this.#phase = "sparse-map";
      if (storedBytes === 0) throw invalidTar("its sparse map is missing");
      return;
    }
    yield* this.#emit(header, header.typeFlag === "S" ? this.#oldSparse : undefined);
  }

  *#takeSparseMap(block: Uint8Array): Generator<TarEvent, void> {
    this.#remaining -= BLOCK_BYTES;
    if (this.#remaining < 0) throw invalidTar("its sparse map is longer than its data");
    if (!this.#mapReader.push(block) || this.#header === undefined) {
      if (this.#remaining === 0) throw invalidTar("its sparse map is incomplete");
      return;
    }
    this.#phase = "data";
    yield* this.#emit(this.#header, this.#mapReader.segments);
  }

  *#emit(block: UstarBlock, map: readonly SparseSegment[] | undefined): Generator<TarEvent, void> {
    const header = this.#entries.build(block, { dataBytes: this.#remaining, ...(map === undefined ? {} : { map }) });
    this.#oldSparse = [];
    this.#segments = header.sparse ?? [{ offset: 0, length: this.#remaining }];
    this.#segmentIndex = 0;
    this.#segmentDone = 0;
    yield { kind: "entry", header };
    if (this.#remaining > 0) return;
    yield { kind: "entry-end" };
    this.#phase = "header";
  }

  *#placeData(bytes: Uint8Array): Generator<TarEvent, void> {
    for (let at = 0; at < bytes.length; ) {
      const segment = this.#segments[this.#segmentIndex];
      if (segment === undefined) throw invalidTar("its sparse map does not fit its data");
      const taken = Math.min(segment.length - this.#segmentDone, bytes.length - at);
      const offset = segment.offset + this.#segmentDone;
      yield { kind: "data", bytes: bytes.subarray(at, at + taken), offset };
      at += taken;
      this.#segmentDone += taken;
      if (this.#segmentDone === segment.length) {
        this.#segmentIndex += 1;
        this.#segmentDone = 0;
      }
    }
  }

  #expect(phase: Phase, bytes: number): void {
    this.#phase = phase;
    this.#remaining = bytes;
    this.#padding = (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
  }

  #endMeta(): void {
    const bytes = Buffer.concat(this.#meta);
    this.#meta = [];
    const flag = this.#header?.typeFlag;
    if (flag === "L") this.#entries.setLongPath(decodeByteText(untilNul(bytes)));
    else if (flag === "K") this.#entries.setLongLink(decodeByteText(untilNul(bytes)));
    else if (flag === "g") this.#entries.addGlobal(decodePaxRecords(bytes));
    else this.#entries.setLocal(decodePaxRecords(bytes));
  }
}
