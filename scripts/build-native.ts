import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const SOURCE = join(ROOT, "native");

/** Where the built helper lies. */
export const HELPER_PATH = join(ROOT, "dist/native/gantry-helper");

const WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wformat=2", "-Wimplicit-fallthrough"];
const HARDENING = [
  "-fstack-protector-strong",
  "-fstack-clash-protection",
  "-fno-delete-null-pointer-checks",
  "-D_FORTIFY_SOURCE=2",
];
const SIZE = ["-Os", "-g0", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-s"];
const LIBRARY_HINT = "is the C library's development package there? Debian: apt-get install libc6-dev";
const LINK = ["-static", "-Wl,-z,relro,-z,now,-z,noexecstack"];

export interface BuildNativeOptions {
  /** @default HELPER_PATH */
  readonly output?: string;
  /** Compiler warnings are errors. @default false */
  readonly strict?: boolean;
  /** Build although the output is newer than the sources. @default false */
  readonly force?: boolean;
}

export interface NativeBuild {
  readonly path: string;
  /** False when what was there is still fresh. */
  readonly isNew: boolean;
  /** With what it was built; undefined when it was not. */
  readonly compiler?: string;
}

function sources(extension: string): string[] {
  return readdirSync(SOURCE)
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(SOURCE, name));
}

function isFresh(output: string): boolean {
  if (!existsSync(output)) return false;
  const built = statSync(output).mtimeMs;
  return [...sources(".c"), ...sources(".h"), import.meta.filename].every((path) => statSync(path).mtimeMs <= built);
}

/** The first compiler that links a static program: musl-gcc (a monitor of 24 KB), else cc with glibc. */
function findCompiler(): string {
  const wanted = process.env.GANTRY_CC;
  const found = (wanted ? [wanted] : ["musl-gcc", "cc", "gcc", "clang"]).find(
    (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
  );
  if (found === undefined)
    throw new Error("no C compiler: install one (Debian: apt-get install musl-tools, or gcc and libc6-dev)");
  return found;
}

/** Builds the native helper when it is missing or older than its sources. */
export function buildNative(options: BuildNativeOptions = {}): NativeBuild {
  const output = options.output ?? HELPER_PATH;
  if (!options.force && isFresh(output)) return { path: output, isNew: false };
  const compiler = findCompiler();
  mkdirSync(join(output, ".."), { recursive: true });
  const temporary = `${output}.${process.pid}`;
  const warnings = options.strict ? [...WARNINGS, "-Werror"] : WARNINGS;
  const flags = ["-std=gnu11", "-D_GNU_SOURCE", ...warnings, ...HARDENING, ...SIZE, ...LINK];
  const result = spawnSync(compiler, [...flags, "-o", temporary, ...sources(".c")], { encoding: "utf8" });
  if (result.status !== 0) {
    const hint = /cannot find -lc|No such file or directory/.test(result.stderr) ? ` (${LIBRARY_HINT})` : "";
    throw new Error(`${compiler} cannot build the native helper${hint}:\n${result.stderr.trimEnd()}`);
  }
  if (result.stderr !== "") process.stderr.write(result.stderr);
  renameSync(temporary, output);
  return { path: output, isNew: true, compiler };
}

if (process.argv[1] === import.meta.filename) {
  try {
    const build = buildNative({ strict: process.argv.includes("--strict"), force: process.argv.includes("--force") });
    console.log(build.isNew ? `built ${build.path} with ${build.compiler}` : `${build.path} is fresh`);
  } catch (error) {
    process.stderr.write(`gantry: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
