import type { ElfFile } from "./elf-file.ts";

/** What differs between architectures when libraries are searched. */
interface Architecture {
  /** Debian's multiarch triplet. */
  readonly triplet: string;
  /** `$PLATFORM`, as the kernel says it (AT_PLATFORM). */
  readonly platform: string;
  /** musl's name of it. */
  readonly musl: string;
}

/** By class and `e_machine`. */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  "32/3": { triplet: "i386-linux-gnu", platform: "i686", musl: "i386" },
  "64/62": { triplet: "x86_64-linux-gnu", platform: "x86_64", musl: "x86_64" },
  "32/62": { triplet: "x86_64-linux-gnux32", platform: "x86_64", musl: "x32" },
  "32/40": { triplet: "arm-linux-gnueabihf", platform: "v7l", musl: "armhf" },
  "64/183": { triplet: "aarch64-linux-gnu", platform: "aarch64", musl: "aarch64" },
  "64/243": { triplet: "riscv64-linux-gnu", platform: "riscv64", musl: "riscv64" },
  "64/21": { triplet: "powerpc64le-linux-gnu", platform: "power8", musl: "powerpc64le" },
  "64/22": { triplet: "s390x-linux-gnu", platform: "z14", musl: "s390x" },
};

function architectureOf(elf: ElfFile): Architecture {
  return ARCHITECTURES[`${elf.bits}/${elf.machine}`] ?? { triplet: "", platform: "", musl: "" };
}

/** True if both can be in one process. */
export function isSameArchitecture(a: ElfFile, b: ElfFile): boolean {
  return a.bits === b.bits && a.machine === b.machine && a.isLittleEndian === b.isLittleEndian;
}

/** True if a program asks for musl's loader, which searches in a way of its own. */
export function isMuslLoader(interpreter: string): boolean {
  return /\/ld-musl-[^/]+\.so\.1$/.test(interpreter);
}

/** The file in which musl's loader finds its folders, if it exists: `/etc/ld-musl-x86_64.path`. */
export function muslPathFile(interpreter: string): string {
  return `/etc/${(/ld-musl-[^/]+(?=\.so\.1$)/.exec(interpreter) ?? ["ld-musl"])[0]}.path`;
}

/** musl's folders where that file does not exist. */
export const MUSL_FOLDERS: readonly string[] = ["/lib", "/usr/local/lib", "/usr/lib"];

/** The folders that glibc's loader searches last, of Debian's and Fedora's builds of it alike. */
export function defaultFolders(elf: ElfFile): readonly string[] {
  const { triplet } = architectureOf(elf);
  const multiarch = triplet === "" ? [] : [`/lib/${triplet}`, `/usr/lib/${triplet}`];
  const plain = elf.bits === 64 ? ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] : ["/lib", "/usr/lib"];
  return [...multiarch, ...plain];
}

/**
 * Expands `$ORIGIN`, `$LIB` and `$PLATFORM` (ld.so(8)). `$LIB` differs between distributions, so that one path may become
 * several.
 *
 * @param origin the folder of the file that says `path`.
 */
export function expandTokens(path: string, origin: string, elf: ElfFile): readonly string[] {
  const { triplet, platform } = architectureOf(elf);
  const libs = [...(triplet === "" ? [] : [`lib/${triplet}`]), ...(elf.bits === 64 ? ["lib64"] : []), "lib"];
  const expand = (lib: string): string =>
    path.replace(/\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/g, (_token, braced, bare) => {
      const values: Readonly<Record<string, string>> = { ORIGIN: origin, LIB: lib, PLATFORM: platform };
      return values[braced ?? bare] ?? "";
    });
  return [...new Set(libs.map(expand))];
}
