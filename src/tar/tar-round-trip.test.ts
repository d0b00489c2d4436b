import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../errors/gantry-error.ts";
import { decodeByteText, encodeByteText } from "./byte-text.ts";
import { formatPaxTime, readPaxTime } from "./pax-records.ts";
import type { TarEvent, TarHeader } from "./tar-header.ts";
import { TarReader } from "./tar-reader.ts";
import { encodeTarHeader, type TarEntry, tarEnd, tarPadding } from "./tar-writer.ts";

interface ReadEntry {
  readonly header: TarHeader;
  readonly data: Uint8Array;
}

function readAll(archive: Uint8Array, pieceBytes: number): ReadEntry[] {
  const reader = new TarReader();
  const entries: { header: TarHeader; data: Uint8Array }[] = [];
  const take = (event: TarEvent): void => {
    if (event.kind === "entry") entries.push({ header: event.header, data: new Uint8Array(event.header.sizeBytes) });
    if (event.kind === "data") entries.at(-1)?.data.set(event.bytes, event.offset);
  };
  for (let at = 0; at < archive.length; at += pieceBytes) {
    for (const event of reader.push(archive.subarray(at, at + pieceBytes))) take(event);
  }
  reader.finish();
  return entries;
}

const bytes = fc.uint8Array({ maxLength: 300 });
const name = fc
  .uint8Array({ minLength: 1, maxLength: 300 })
  .map((raw) => decodeByteText(raw.map((byte) => (byte === 0 ? 1 : byte))))
  .filter((text) => !text.endsWith("/"));
const time = fc.record({
  seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
});
const sparse = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 1, max: 900 })), { maxLength: 6 })
  .map((gaps) => {
    let at = 0;
    const segments = gaps.map(([gap, length]) => {
      const offset = at + gap;
      at = offset + length;
      return { offset, length };
    });
    return { segments, end: at };
  });

const entry = fc
  .record({
    path: name,
    linkPath: name,
    type: fc.constantFrom("file", "sparse", "hardlink", "symlink", "character-device", "directory", "fifo"),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xfffffffe }),
    gid: fc.integer({ min: 0, max: 0xfffffffe }),
    userName: fc.string({ maxLength: 40 }).filter((text) => text.isWellFormed() && !text.includes("\0")),
    mtime: time,
    deviceMinor: fc.integer({ min: 0, max: 0xfffff }),
    content: bytes,
    sparse,
    xattrs: fc.dictionary(fc.constantFrom("user.a", "user.b=c", "security.capability"), bytes, { maxKeys: 3 }),
  })
  .map((made) => {
    const isLink = made.type === "hardlink" || made.type === "symlink";
    const type = made.type === "sparse" ? "file" : made.type;
    const sizeBytes = made.type === "file" ? made.content.length : made.type === "sparse" ? made.sparse.end + 70 : 0;
    const header: TarHeader = {
      type,
      path: made.path,
      linkPath: isLink ? made.linkPath : "",
      mode: made.mode,
      uid: made.uid,
      gid: made.gid,
      userName: made.userName,
      groupName: "",
      sizeBytes,
      mtime: made.mtime,
      deviceMajor: 0,
      deviceMinor: type === "character-device" ? made.deviceMinor : 0,
      xattrs: new Map(Object.entries(made.xattrs)),
      ...(made.type === "sparse" ? { sparse: made.sparse.segments } : {}),
    };
    const data = new Uint8Array(sizeBytes);
    if (made.type === "file") data.set(made.content);
    for (const { offset, length } of header.sparse ?? []) data.fill(7, offset, offset + length);
    return { header, data };
  });

function write(entries: readonly { header: TarEntry; data: Uint8Array }[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { header, data } of entries) {
    parts.push(encodeTarHeader(header));
    const segments = header.sparse ?? [{ offset: 0, length: data.length }];
    let written = 0;
    for (const { offset, length } of segments) {
      parts.push(data.subarray(offset, offset + length));
      written += length;
    }
    parts.push(tarPadding(written));
  }
  return Buffer.concat([...parts, tarEnd()]);
}

const plain = (value: ReadEntry) => ({
  ...value.header,
  xattrs: [...value.header.xattrs].map(([key, bytes]) => [key, Buffer.from(bytes).toString("hex")]).toSorted(),
  data: Buffer.from(value.data).toString("hex"),
});

describe("writing and reading a tar archive", () => {
  test("gives the same entries, whatever the pieces", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), fc.integer({ min: 1, max: 3000 }), (entries, pieceBytes) => {
        const read = readAll(write(entries), pieceBytes);
        expect(read.map(plain)).toEqual(entries.map(plain));
      }),
      { numRuns: 150 },
    );
  });

  test("survives any damage with an error of ours, or entries", () => {
    const damage = fc.array(fc.tuple(fc.nat(6000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 3 }), damage, fc.nat(6000), (entries, flips, cut) => {
        const archive = Uint8Array.from(write(entries));
        for (const [at, value] of flips) archive[at % archive.length] = value;
        try {
          readAll(archive.subarray(0, Math.max(cut, 512)), 512);
        } catch (error) {
          const isOurs = isGantryError(error) || error instanceof RangeError;
          expect(isOurs).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("names as bytes", () => {
  test("come back as the bytes that they were", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (raw) => {
        expect(Buffer.from(encodeByteText(decodeByteText(raw))).equals(Buffer.from(raw))).toBe(true);
      }),
    );
  });
});

describe("pax times", () => {
  test("come back, negative ones too", () => {
    fc.assert(fc.property(time, (value) => expect(readPaxTime(Buffer.from(formatPaxTime(value)))).toEqual(value)));
  });

  test("read as seconds and a forward fraction", () => {
    expect(readPaxTime(Buffer.from("-1.5"))).toEqual({ seconds: -2, nanoseconds: 500_000_000 });
    expect(readPaxTime(Buffer.from("12.0000000019"))).toEqual({ seconds: 12, nanoseconds: 1 });
  });
});
