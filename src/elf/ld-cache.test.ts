import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { compareSonames, formatLdCache, parseLdCache } from "./ld-cache.ts";

const entry = (soname: string) => ({ soname, path: `/opt/${soname}`, flags: 0x303 });

describe("ld.so.cache", () => {
  test("what is written reads back, in the order in which the loader searches", () => {
    const cache = parseLdCache(formatLdCache(["liba.so.1", "libz.so.9", "libz.so.10", "libb.so"].map(entry)));
    expect(cache).toEqual(["libz.so.10", "libz.so.9", "libb.so", "liba.so.1"].map(entry));
  });

  test("this host's own cache is in our order", () => {
    if (!existsSync("/etc/ld.so.cache")) return;
    const names = parseLdCache(readFileSync("/etc/ld.so.cache")).map(({ soname }) => soname);
    expect(names.length).toBeGreaterThan(0);
    expect(names).toEqual([...names].sort((a, b) => compareSonames(b, a)));
  });

  test("one that follows the oldest format is found", () => {
    const old = Buffer.alloc(16 + 12);
    old.write("ld.so-1.7.0");
    old.writeUInt32LE(1, 12);
    expect(parseLdCache(Buffer.concat([old, Buffer.alloc(4), formatLdCache([entry("libc.so.6")])]))).toEqual([
      entry("libc.so.6"),
    ]);
  });

  test("any bytes are read", () => {
    const whole = formatLdCache(["liba.so.1", "libb.so.2"].map(entry));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255))),
        fc.nat(whole.length),
        (changes, length) => {
          const bytes = whole.slice(0, length);
          for (const [at, value] of changes) if (at < length) bytes[at] = value;
          expect(Array.isArray(parseLdCache(bytes))).toBe(true);
        },
      ),
    );
  });
});
