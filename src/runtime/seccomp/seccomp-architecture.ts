import { SYSCALL_COLUMNS, SYSCALL_NUMBERS } from "./syscall-table.ts";

/** The machine's own architecture, as far as this program knows the system calls of it. */
export type NativeArchitecture = "x86_64" | "aarch64";

/** One way of calling the kernel, with its own numbers. */
export interface SeccompArchitecture {
  /** The specification's name, `SCMP_ARCH_…`. */
  readonly name: string;
  /** What the kernel puts in `seccomp_data.arch` (include/uapi/linux/audit.h). */
  readonly audit: number;
  readonly column: (typeof SYSCALL_COLUMNS)[number];
  /** How many bits of an argument there are. */
  readonly argumentBits: 32 | 64;
  /** Added to every number of the table. */
  readonly numberBase: number;
}

/** Marks a call by the x32 convention, which shares its audit value with x86-64 (arch/x86/include/uapi/asm/unistd.h). */
export const X32_BIT = 0x4000_0000;

const AUDIT_ARCH_X86_64 = 0xc000_003e;
const AUDIT_ARCH_I386 = 0x4000_0003;
const AUDIT_ARCH_AARCH64 = 0xc000_00b7;
const AUDIT_ARCH_ARM = 0x4000_0028;

const X86_64: SeccompArchitecture = {
  name: "SCMP_ARCH_X86_64",
  audit: AUDIT_ARCH_X86_64,
  column: "x86_64",
  argumentBits: 64,
  numberBase: 0,
};
const AARCH64: SeccompArchitecture = {
  name: "SCMP_ARCH_AARCH64",
  audit: AUDIT_ARCH_AARCH64,
  column: "aarch64",
  argumentBits: 64,
  numberBase: 0,
};

const ARCHITECTURES: readonly SeccompArchitecture[] = [
  X86_64,
  { name: "SCMP_ARCH_X86", audit: AUDIT_ARCH_I386, column: "x86", argumentBits: 32, numberBase: 0 },
  { name: "SCMP_ARCH_X32", audit: AUDIT_ARCH_X86_64, column: "x32", argumentBits: 32, numberBase: X32_BIT },
  AARCH64,
  { name: "SCMP_ARCH_ARM", audit: AUDIT_ARCH_ARM, column: "arm", argumentBits: 32, numberBase: 0 },
];

/** Every name that the specification knows (config-linux.md, "Seccomp"); those without a table cannot run here. */
export const ARCHITECTURE_NAMES: readonly string[] = [
  "AARCH64 ARM LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PARISC PARISC64 PPC PPC64 PPC64LE",
  "RISCV64 S390 S390X SH SHEB X32 X86 X86_64",
].flatMap((line) => line.split(" ").map((name) => `SCMP_ARCH_${name}`));

/** The architecture of the specification's name, or undefined when this program has no table for it. */
export function findArchitecture(name: string): SeccompArchitecture | undefined {
  return ARCHITECTURES.find((architecture) => architecture.name === name);
}

/** The architecture that a machine has by itself. */
export function nativeArchitecture(native: NativeArchitecture): SeccompArchitecture {
  return native === "x86_64" ? X86_64 : AARCH64;
}

/** A call's number on an architecture, or undefined when it has no such call (or nobody knows the name). */
export function syscallNumber(architecture: SeccompArchitecture, name: string): number | undefined {
  if (!Object.hasOwn(SYSCALL_NUMBERS, name)) return undefined;
  const number = SYSCALL_NUMBERS[name]?.[SYSCALL_COLUMNS.indexOf(architecture.column)];
  return number === undefined || number < 0 ? undefined : number + architecture.numberBase;
}

/** True if any architecture has a call of this name. */
export function isSyscallName(name: string): boolean {
  return Object.hasOwn(SYSCALL_NUMBERS, name);
}
