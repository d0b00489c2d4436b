import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readSync } from "node:fs";
import fc from "fast-check";
import { makeElf, type WantedElf } from "../../test/support/make-elf.ts";
import { type ElfFile, parseElf, type ReadAt } from "./elf-file.ts";

const from =
  (bytes: Uint8Array): ReadAt =>
  (offset, length) =>
    bytes.subarray(offset, offset + length);

const wanted: WantedElf = {
  bits: 64,
  isLittleEndian: true,
  interpreter: "/lib64/ld-linux-x86-64.so.2",
  dynamic: [
    [1, "libtinfo.so.6"],
    [1, "libc.so.6"],
    [14, "libself.so.1"],
    [15, "/old:/older"],
    [29, "$ORIGIN/../lib:/opt/lib"],
    [0x6ffffffb, 0x800],
  ],
};

describe("parseElf", () => {
  for (const bits of [32, 64] as const) {
    for (const isLittleEndian of [true, false]) {
      test(`reads ${bits} bits, ${isLittleEndian ? "little" : "big"} end first`, () => {
        const expected: ElfFile = {
          bits,
          isLittleEndian,
          machine: 62,
          interpreter: "/lib64/ld-linux-x86-64.so.2",
          soname: "libself.so.1",
          needed: ["libtinfo.so.6", "libc.so.6"],
          rpath: ["/old", "/older"],
          runpath: ["$ORIGIN/../lib", "/opt/lib"],
          hasNoDefaultFolders: true,
        };
        expect(parseElf(from(makeElf({ ...wanted, bits, isLittleEndian })))).toEqual(expected);
      });
    }
  }

  test("a static program loads nothing", () => {
    const { interpreter: _interpreter, ...rest } = wanted;
    const elf = parseElf(from(makeElf({ ...rest, dynamic: [] })));
    expect([elf?.interpreter, elf?.needed]).toEqual([undefined, []]);
  });

  test("what is no ELF file is told apart", () => {
    expect(parseElf(from(Buffer.from("#!/bin/sh\n")))).toBeUndefined();
    expect(parseElf(from(new Uint8Array()))).toBeUndefined();
    expect(parseElf(from(Buffer.alloc(4096, "\x7fELG")))).toBeUndefined();
  });

  test("reads the program that runs this test", () => {
    const fd = openSync(process.execPath, "r");
    try {
      const elf = parseElf((offset, length) => {
        const buffer = new Uint8Array(length);
        return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
      });
      expect(elf?.interpreter).toContain("ld-");
      expect(elf?.needed.some((name) => name.startsWith("libc."))).toBe(true);
    } finally {
      closeSync(fd);
    }
  });

  test("any damage is read or refused with a sentence", () => {
    const whole = makeElf(wanted);
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.nat(whole.length), (changes, length) => {
        const bytes = whole.slice(0, length);
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        try {
          parseElf(from(bytes));
        } catch (error) {
          expect((error as { code?: string }).code).toBe("data-loss");
        }
      }),
      { numRuns: 2000 },
    );
  });
});
