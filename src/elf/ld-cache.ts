/** One line of the loader's cache: where a library of that name is. */
export interface LdCacheEntry {
  readonly soname: string;
  readonly path: string;
  /** The library's kind and architecture, as the loader compares them (glibc, sysdeps/generic/ldconfig.h). */
  readonly flags: number;
}

const MAGIC = "glibc-ld.so.cache1.1";
const OLD_MAGIC = "ld.so-1.7.0";
const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;
const OLD_HEADER_BYTES = 16;
const OLD_ENTRY_BYTES = 12;
const ENTRIES_MAX = 1_000_000;

function readText(bytes: Uint8Array, offset: number): string | undefined {
  const end = bytes.indexOf(0, offset);
  return offset >= bytes.byteLength || end < 0 ? undefined : Buffer.from(bytes.subarray(offset, end)).toString("utf8");
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).toString("latin1") === text;
}

/** The new format may follow the one of glibc before 2.2, aligned to 8 bytes. */
function skipOldFormat(bytes: Uint8Array): Uint8Array {
  if (!startsWith(bytes, OLD_MAGIC) || bytes.byteLength < OLD_HEADER_BYTES) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = OLD_HEADER_BYTES + view.getUint32(12, true) * OLD_ENTRY_BYTES;
  return bytes.subarray(Math.ceil(end / 8) * 8);
}

/**
 * Reads `/etc/ld.so.cache` (glibc, sysdeps/generic/dl-cache.h). Total: what cannot be read is left out, since the folders
 * that the cache was made of are searched too.
 */
export function parseLdCache(file: Uint8Array): readonly LdCacheEntry[] {
  const bytes = skipOldFormat(file);
  if (bytes.byteLength < HEADER_BYTES || !startsWith(bytes, MAGIC)) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Its byte order is the host's, which is little-endian wherever this program runs.
  const count = Math.min(
    view.getUint32(20, true),
    ENTRIES_MAX,
    Math.floor((bytes.byteLength - HEADER_BYTES) / ENTRY_BYTES),
  );
  const entries: LdCacheEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const soname = readText(bytes, view.getUint32(at + 4, true));
    const path = readText(bytes, view.getUint32(at + 8, true));
    if (soname !== undefined && path !== undefined) entries.push({ soname, path, flags: view.getInt32(at, true) });
  }
  return entries;
}

/**
 * The order of names in the cache: as text, but runs of digits as numbers (glibc, elf/dl-cache.c, `_dl_cache_libcmp`).
 * The loader searches by halving, so that a cache in another order finds nothing.
 */
export function compareSonames(a: string, b: string): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  const number = (bytes: Buffer, from: number): { value: bigint; next: number } => {
    let next = from;
    while (isDigit(bytes[next])) next++;
    return { value: BigInt(bytes.toString("latin1", from, next)), next };
  };
  let [i, j] = [0, 0];
  while (i < left.length) {
    if (isDigit(left[i])) {
      if (!isDigit(right[j])) return 1;
      const [x, y] = [number(left, i), number(right, j)];
      if (x.value !== y.value) return x.value < y.value ? -1 : 1;
      [i, j] = [x.next, y.next];
    } else if (isDigit(right[j])) {
      return -1;
    } else {
      if (left[i] !== right[j]) return (left[i] ?? 0) - (right[j] ?? 0);
      i++;
      j++;
    }
  }
  return -(right[j] ?? 0);
}

/** Writes a cache that holds these libraries alone. */
export function formatLdCache(entries: readonly LdCacheEntry[]): Uint8Array {
  const sorted = [...entries].sort((a, b) => compareSonames(b.soname, a.soname));
  const stringsAt = HEADER_BYTES + sorted.length * ENTRY_BYTES;
  const strings: Buffer[] = [];
  let end = stringsAt;
  const add = (text: string): number => {
    const at = end;
    const bytes = Buffer.from(`${text}\0`, "utf8");
    strings.push(bytes);
    end += bytes.byteLength;
    return at;
  };
  const table = Buffer.alloc(stringsAt);
  table.write(MAGIC, 0, "latin1");
  table.writeUInt32LE(sorted.length, 20);
  // Byte 28 says the byte order: 2 is little-endian.
  table.writeUInt8(2, 28);
  sorted.forEach(({ soname, path, flags }, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    table.writeInt32LE(flags, at);
    table.writeUInt32LE(add(soname), at + 4);
    table.writeUInt32LE(add(path), at + 8);
  });
  table.writeUInt32LE(end - stringsAt, 24);
  return Buffer.concat([table, ...strings]);
}
