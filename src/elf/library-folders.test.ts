import { describe, expect, test } from "bun:test";
import type { ElfFile } from "./elf-file.ts";
import { defaultFolders, expandTokens, isMuslLoader, isSameArchitecture, muslPathFile } from "./library-folders.ts";

const x64: ElfFile = {
  bits: 64,
  isLittleEndian: true,
  machine: 62,
  needed: [],
  rpath: [],
  runpath: [],
  hasNoDefaultFolders: false,
};

describe("library folders", () => {
  test("tokens are expanded, braces or not, and nothing that only looks like one", () => {
    expect(expandTokens(`$\{ORIGIN}/../lib:$ORIGIN`, "/opt/app/bin", x64)).toEqual([
      "/opt/app/bin/../lib:/opt/app/bin",
    ]);
    expect(expandTokens("/x/$LIB", "/o", x64)).toEqual(["/x/lib/x86_64-linux-gnu", "/x/lib64", "/x/lib"]);
    expect(expandTokens("/x/$PLATFORM/$ORIGINAL", "/o", x64)).toEqual(["/x/x86_64/$ORIGINAL"]);
  });

  test("Debian's, Fedora's and musl's are known", () => {
    expect(defaultFolders(x64).slice(0, 3)).toEqual(["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64"]);
    expect(isMuslLoader("/lib/ld-musl-x86_64.so.1")).toBe(true);
    expect(isMuslLoader("/lib64/ld-linux-x86-64.so.2")).toBe(false);
    expect(muslPathFile("/lib/ld-musl-x86_64.so.1")).toBe("/etc/ld-musl-x86_64.path");
  });

  test("a library of another architecture is no match", () => {
    expect(isSameArchitecture(x64, { ...x64, bits: 32, machine: 3 })).toBe(false);
    expect(isSameArchitecture(x64, { ...x64, machine: 183 })).toBe(false);
  });
});
