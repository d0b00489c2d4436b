import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { DEFAULT_RULES } from "./default-rules.ts";
import { findArchitecture, isSyscallName, syscallNumber } from "./seccomp-architecture.ts";

/** Kept by headers, but in no table of the kernel for that architecture, or by another name there. */
const ONLY_IN_HEADERS = new Set(["syscalls"]);

const HEADERS = [
  ["SCMP_ARCH_X86_64", "unistd_64.h"],
  ["SCMP_ARCH_X86", "unistd_32.h"],
  ["SCMP_ARCH_X32", "unistd_x32.h"],
] as const;

describe("the table of system calls", () => {
  for (const [name, header] of HEADERS) {
    const path = `/usr/include/x86_64-linux-gnu/asm/${header}`;
    test.skipIf(!existsSync(path))(`has every call of this machine's ${header} with its number`, () => {
      const architecture = findArchitecture(name);
      if (architecture === undefined) throw new Error("unreachable");
      const wrong: string[] = [];
      for (const line of readFileSync(path, "utf8").split("\n")) {
        const match = /^#define __NR_(\w+) (?:\(__X32_SYSCALL_BIT \+ )?(\d+)\)?$/.exec(line);
        if (match?.[1] === undefined || ONLY_IN_HEADERS.has(match[1])) continue;
        const number = Number(match[2]) + architecture.numberBase;
        if (syscallNumber(architecture, match[1]) !== number) wrong.push(line);
      }
      expect(wrong).toEqual([]);
    });
  }

  const generic = "/usr/include/asm-generic/unistd.h";
  test.skipIf(!existsSync(generic))("has the numbers of asm-generic/unistd.h for aarch64", () => {
    const architecture = findArchitecture("SCMP_ARCH_AARCH64");
    if (architecture === undefined) throw new Error("unreachable");
    // By other names there (newfstatat, arm_sync_file_range of 32 bits), a place kept free, and the count of all.
    const others = new Set(["fstatat", "sync_file_range2", "arch_specific_syscall", "syscalls"]);
    const wrong: string[] = [];
    for (const line of readFileSync(generic, "utf8").split("\n")) {
      const [, name, digits] = /^#define __NR(?:3264)?_(\w+) (\d+)$/.exec(line) ?? [];
      if (name === undefined || others.has(name)) continue;
      // From 403 to 423 are those that give machines of 32 bits a time of 64.
      const isFor32 = Number(digits) >= 403 && Number(digits) <= 423;
      if (syscallNumber(architecture, name) !== (isFor32 ? undefined : Number(digits))) wrong.push(line);
    }
    expect(wrong).toEqual([]);
  });

  test("knows every call that the default profile names, but those of other machines", () => {
    const unknown = DEFAULT_RULES.flatMap((rule) => rule.names).filter((name) => !isSyscallName(name));
    // The second is `arm_sync_file_range` by its older name, which the profile has too.
    expect(unknown).toEqual(["riscv_hwprobe", "sync_file_range2"]);
  });
});
