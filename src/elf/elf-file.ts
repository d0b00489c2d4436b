import { GantryError } from "../errors/gantry-error.ts";

/** Reads up to `length` bytes of a file at `offset`; fewer at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** What the dynamic loader needs to know of a program or library (gABI, "Program Loading and Dynamic Linking"). */
export interface ElfFile {
  readonly bits: 32 | 64;
  readonly isLittleEndian: boolean;
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  /** The loader that the program asks for (PT_INTERP). */
  readonly interpreter?: string;
  readonly soname?: string;
  /** Libraries to load, in order (DT_NEEDED). */
  readonly needed: readonly string[];
  /** DT_RPATH and DT_RUNPATH, split at colons, `$ORIGIN` and the like not yet expanded. */
  readonly rpath: readonly string[];
  readonly runpath: readonly string[];
  /** True if neither the loader's cache nor its default folders are searched (DF_1_NODEFLIB). */
  readonly hasNoDefaultFolders: boolean;
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
const DT_FLAGS_1 = 0x6ffffffb;
const DF_1_NODEFLIB = 0x800;

const SEGMENTS_MAX = 4096;
const DYNAMIC_BYTES_MAX = 1024 * 1024;
const STRINGS_BYTES_MAX = 64 * 1024 * 1024;
const TEXT_BYTES_MAX = 64 * 1024;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly sizeBytes: number;
}

function damaged(why: string): GantryError {
  return new GantryError("data-loss", `damaged ELF file: ${why}`);
}

/** Numbers of one file's class and byte order. */
class Fields {
  readonly #view: DataView;
  readonly is64: boolean;
  readonly isLittleEndian: boolean;

  constructor(bytes: Uint8Array, is64: boolean, isLittleEndian: boolean) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.is64 = is64;
    this.isLittleEndian = isLittleEndian;
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, this.isLittleEndian);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, this.isLittleEndian);
  }

  /** An address or size of the file's class. What no number can hold is beyond every file. */
  word(offset: number): number {
    return this.is64 ? Number(this.#view.getBigUint64(offset, this.isLittleEndian)) : this.u32(offset);
  }
}

function readExactly(readAt: ReadAt, offset: number, length: number, what: string): Uint8Array {
  const isSane = Number.isSafeInteger(offset) && offset >= 0 && offset + length <= Number.MAX_SAFE_INTEGER;
  const bytes = isSane ? readAt(offset, length) : new Uint8Array();
  if (bytes.byteLength < length) throw damaged(`its ${what} lies outside of it`);
  return bytes;
}

function readSegments(readAt: ReadAt, header: Fields): readonly Segment[] {
  const { is64 } = header;
  const tableOffset = header.word(is64 ? 32 : 28);
  const entryBytes = header.u16(is64 ? 54 : 42);
  const count = header.u16(is64 ? 56 : 44);
  if (count === 0) return [];
  if (count > SEGMENTS_MAX || entryBytes < (is64 ? 56 : 32)) throw damaged("its program headers make no sense");
  const bytes = readExactly(readAt, tableOffset, count * entryBytes, "program header table");
  const table = new Fields(bytes, is64, header.isLittleEndian);
  return Array.from({ length: count }, (_, index) => {
    const at = index * entryBytes;
    return is64
      ? {
          type: table.u32(at),
          offset: table.word(at + 8),
          address: table.word(at + 16),
          sizeBytes: table.word(at + 32),
        }
      : { type: table.u32(at), offset: table.u32(at + 4), address: table.u32(at + 8), sizeBytes: table.u32(at + 16) };
  });
}

function readText(readAt: ReadAt, offset: number, maxBytes: number): string {
  const bytes = readAt(offset, Math.min(maxBytes, TEXT_BYTES_MAX));
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function readDynamic(
  readAt: ReadAt,
  header: Fields,
  segments: readonly Segment[],
): readonly (readonly [number, number])[] {
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  if (dynamic.sizeBytes > DYNAMIC_BYTES_MAX) throw damaged("its dynamic section is too large");
  const bytes = readExactly(readAt, dynamic.offset, dynamic.sizeBytes, "dynamic section");
  const fields = new Fields(bytes, header.is64, header.isLittleEndian);
  const width = header.is64 ? 8 : 4;
  const entries: (readonly [number, number])[] = [];
  for (let at = 0; at + 2 * width <= bytes.byteLength; at += 2 * width) {
    const tag = fields.word(at);
    if (tag === DT_NULL) break;
    entries.push([tag, fields.word(at + width)]);
  }
  return entries;
}

/**
 * Reads what a dynamic loader would of an ELF file.
 *
 * @returns undefined if the file is no ELF file at all.
 * @throws `data-loss` if it is one, but contradicts itself.
 */
export function parseElf(readAt: ReadAt): ElfFile | undefined {
  const head = readAt(0, 64);
  const isElf = head.byteLength >= 52 && head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
  if (!isElf) return undefined;
  const [is64, isLittleEndian] = [head[4] === 2, head[5] !== 2];
  if (is64 && head.byteLength < 64) throw damaged("it ends in its header");
  const header = new Fields(head, is64, isLittleEndian);
  const segments = readSegments(readAt, header);
  const entries = readDynamic(readAt, header, segments);
  const value = (tag: number): number | undefined => entries.find((entry) => entry[0] === tag)?.[1];
  const tableAddress = value(DT_STRTAB);
  const tableBytes = Math.min(value(DT_STRSZ) ?? 0, STRINGS_BYTES_MAX);
  const load = segments.find(
    ({ type, address, sizeBytes }) =>
      type === PT_LOAD && tableAddress !== undefined && tableAddress >= address && tableAddress < address + sizeBytes,
  );
  const strings = (tag: number): readonly string[] =>
    entries.flatMap(([found, offset]) => {
      if (found !== tag) return [];
      if (load === undefined || tableAddress === undefined || offset >= tableBytes)
        throw damaged("a name lies outside of it");
      return [readText(readAt, load.offset + (tableAddress - load.address) + offset, tableBytes - offset)];
    });
  const paths = (tag: number): readonly string[] =>
    strings(tag).flatMap((text) => text.split(":").filter((path) => path !== ""));
  const interpreter = segments.find((segment) => segment.type === PT_INTERP);
  const [soname] = strings(DT_SONAME);
  return {
    bits: is64 ? 64 : 32,
    isLittleEndian,
    machine: header.u16(18),
    ...(interpreter === undefined ? {} : { interpreter: readText(readAt, interpreter.offset, interpreter.sizeBytes) }),
    ...(soname === undefined ? {} : { soname }),
    needed: strings(DT_NEEDED).filter((name) => name !== ""),
    rpath: paths(DT_RPATH),
    runpath: paths(DT_RUNPATH),
    hasNoDefaultFolders: ((value(DT_FLAGS_1) ?? 0) & DF_1_NODEFLIB) !== 0,
  };
}
