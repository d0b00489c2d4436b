/** An ELF file to make. */
export interface WantedElf {
  readonly bits: 32 | 64;
  readonly isLittleEndian: boolean;
  readonly interpreter?: string;
  /** Tags of the dynamic section and their values; texts go to the string table. */
  readonly dynamic: readonly (readonly [number, string | number])[];
}

const BASE = 0x400000;

/** A file with all that `parseElf` reads, and nothing else. */
export function makeElf({ bits, isLittleEndian, interpreter, dynamic }: WantedElf): Uint8Array {
  const is64 = bits === 64;
  const [headBytes, segmentBytes, width] = is64 ? [64, 56, 8] : [52, 32, 4];
  let strings = "\0";
  const add = (text: string): number => {
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const named = dynamic.map(([tag, value]) => [tag, typeof value === "string" ? add(value) : value] as const);
  const interpreterAt = interpreter === undefined ? 0 : add(interpreter);
  const stringsAt = headBytes + 3 * segmentBytes;
  const dynamicAt = stringsAt + strings.length;
  const entries = [...named, [5, BASE + stringsAt] as const, [10, strings.length] as const, [0, 0] as const];
  const sizeBytes = dynamicAt + entries.length * 2 * width;
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number, value: number) => view.setUint16(at, value, isLittleEndian);
  const u32 = (at: number, value: number) => view.setUint32(at, value, isLittleEndian);
  const word = (at: number, value: number) =>
    is64 ? view.setBigUint64(at, BigInt(value), isLittleEndian) : u32(at, value);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, isLittleEndian ? 1 : 2, 1]);
  u16(18, 62);
  word(is64 ? 32 : 28, headBytes);
  u16(is64 ? 54 : 42, segmentBytes);
  u16(is64 ? 56 : 44, 3);
  const segment = (index: number, type: number, at: number, length: number) => {
    const base = headBytes + index * segmentBytes;
    u32(base, type);
    word(base + (is64 ? 8 : 4), at);
    word(base + (is64 ? 16 : 8), BASE + at);
    word(base + (is64 ? 32 : 16), length);
  };
  segment(0, 1, 0, sizeBytes);
  segment(1, 2, dynamicAt, entries.length * 2 * width);
  segment(2, interpreter === undefined ? 0 : 3, stringsAt + interpreterAt, (interpreter ?? "").length + 1);
  bytes.set(Buffer.from(strings), stringsAt);
  entries.forEach(([tag, value], index) => {
    word(dynamicAt + index * 2 * width, tag);
    word(dynamicAt + index * 2 * width + width, value);
  });
  return bytes;
}
