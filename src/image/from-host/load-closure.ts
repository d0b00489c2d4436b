import { posix } from "node:path";
import type { ElfFile } from "../../elf/elf-file.ts";
import { type LdCacheEntry, parseLdCache } from "../../elf/ld-cache.ts";
import {
  defaultFolders,
  expandTokens,
  isMuslLoader,
  isSameArchitecture,
  MUSL_FOLDERS,
  muslPathFile,
} from "../../elf/library-folders.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { HostFiles } from "./host-files.ts";
import type { PackingList } from "./packing-list.ts";

export interface AddProgramOptions {
  /**
   * What to do when something that the program loads is missing: refuse, or pack without it (for what merely lies in a
   * folder, and may be a plug-in of something that is not there).
   * @default "refuse"
   */
  readonly missing?: "refuse" | "skip";
}

/** Folders to search, and whose they are. */
interface SearchPath {
  readonly folders: readonly string[];
  readonly origin: string;
}

interface LoadedObject {
  readonly path: string;
  readonly elf: ElfFile;
  /** DT_RPATH of this object and of those that loaded it, nearest first. */
  readonly rpaths: readonly SearchPath[];
}

const CACHE_BYTES_MAX = 64 * 1024 * 1024;
const SCRIPT_DEPTH_MAX = 4;
const COMMAND_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/** What musl's loader is itself, under the names of other C libraries' parts (musl, ldso/dynlink.c, `load_library`). */
const MUSL_BUILT_IN = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./;

/** Adds programs with all that they load, found as the kernel and the dynamic loader find it (ld.so(8)). */
export class LoadClosure {
  readonly #files: HostFiles;
  readonly #list: PackingList;
  readonly #cache: readonly LdCacheEntry[];
  readonly #done = new Set<string>();
  readonly #cacheUsed = new Map<string, LdCacheEntry>();
  readonly #libcFolders = new Set<string>();

  constructor(files: HostFiles, list: PackingList) {
    this.#files = files;
    this.#list = list;
    this.#cache = parseLdCache(files.read("/etc/ld.so.cache", CACHE_BYTES_MAX) ?? new Uint8Array());
  }

  /** Libraries that are only found because the loader's cache says where: the image needs a cache that says so too. */
  get cacheUsed(): readonly LdCacheEntry[] {
    return [...this.#cacheUsed.values()];
  }

  /** Where glibc was found: what it opens by itself, such as name services, lies beside it. */
  get libcFolders(): readonly string[] {
    return [...this.#libcFolders];
  }

  /**
   * Adds what a file needs to be executed. The file itself is in the list already.
   *
   * @param path with all links followed.
   * @throws `not-found` naming the first thing that is missing.
   */
  add(path: string, options: AddProgramOptions = {}): void {
    this.#addProgram(path, options, 0);
  }

  #addProgram(path: string, options: AddProgramOptions, depth: number): void {
    if (this.#done.has(path)) return;
    this.#done.add(path);
    const program = this.#files.program(path);
    if (program.kind === "elf") this.#addElf(path, program.elf, options);
    if (program.kind !== "script" || depth >= SCRIPT_DEPTH_MAX) return;
    for (const needed of this.#scriptNeeds(program.interpreter, program.argument)) {
      const added = this.#list.add(needed);
      if (added?.file.type === "file") this.#addProgram(added.path, options, depth + 1);
      else this.#miss(path, needed, options);
    }
  }

  /** The interpreter, and with `#!/usr/bin/env NAME` what that finds in the usual folders. */
  #scriptNeeds(interpreter: string, argument: string | undefined): readonly string[] {
    if (posix.basename(interpreter) !== "env" || argument === undefined) return [interpreter];
    const words = argument.split(/[ \t]+/).filter((word) => !word.startsWith("-") && !word.includes("="));
    const [name] = words;
    if (name === undefined) return [interpreter];
    if (name.startsWith("/")) return [interpreter, name];
    const found = COMMAND_FOLDERS.map((folder) => `${folder}/${name}`).find(
      (path) => this.#files.stat(path) !== undefined,
    );
    return [interpreter, found ?? name];
  }

  #addElf(path: string, elf: ElfFile, options: AddProgramOptions): void {
    const isMusl = elf.interpreter !== undefined && isMuslLoader(elf.interpreter);
    if (elf.interpreter !== undefined && this.#list.add(elf.interpreter)?.file.type !== "file") {
      this.#miss(path, `the loader ${elf.interpreter}`, options);
      return;
    }
    const loaded = new Set<string>(elf.interpreter === undefined ? [] : [posix.basename(elf.interpreter)]);
    const muslFolders = isMusl ? this.#muslFolders(elf.interpreter ?? "") : undefined;
    const waiting: LoadedObject[] = [{ path, elf, rpaths: this.#rpathOf(path, elf, []) }];
    for (let object = waiting.shift(); object !== undefined; object = waiting.shift()) {
      for (const name of object.elf.needed) {
        if (loaded.has(name) || (isMusl && MUSL_BUILT_IN.test(name))) continue;
        loaded.add(name);
        const library = this.#find(name, object, muslFolders);
        if (library === undefined) {
          this.#miss(path, name, options);
          continue;
        }
        if (library.elf.soname !== undefined) loaded.add(library.elf.soname);
        if (name === "libc.so.6") this.#libcFolders.add(posix.dirname(library.path));
        waiting.push({ ...library, rpaths: this.#rpathOf(library.path, library.elf, object.rpaths) });
      }
    }
  }

  #miss(path: string, what: string, options: AddProgramOptions): void {
    if (options.missing === "skip") return;
    throw new GantryError("not-found", `cannot pack ${path}: it needs ${what}, which this host does not have`);
  }

  /** An object with DT_RUNPATH has its own DT_RPATH ignored, and those of its loaders. */
  #rpathOf(path: string, elf: ElfFile, above: readonly SearchPath[]): readonly SearchPath[] {
    if (elf.runpath.length > 0) return [];
    return elf.rpath.length === 0 ? above : [{ folders: elf.rpath, origin: posix.dirname(path) }, ...above];
  }

  #muslFolders(interpreter: string): readonly string[] {
    const file = muslPathFile(interpreter);
    const bytes = this.#files.read(file, 64 * 1024);
    if (bytes === undefined) return MUSL_FOLDERS;
    this.#list.add(file);
    return Buffer.from(bytes)
      .toString("utf8")
      .split(/[:\n]/)
      .filter((folder) => folder.startsWith("/"));
  }

  /** Searches a library as the loader does, and adds it. */
  #find(
    name: string,
    object: LoadedObject,
    muslFolders: readonly string[] | undefined,
  ): Omit<LoadedObject, "rpaths"> | undefined {
    const { elf } = object;
    const origin = posix.dirname(object.path);
    if (name.includes("/")) return this.#first(expandTokens(name, origin, elf), elf);
    const searched = [...object.rpaths, { folders: elf.runpath, origin }].flatMap(({ folders, origin: from }) =>
      folders.flatMap((folder) => expandTokens(folder, from, elf)),
    );
    const inFolders = (folders: readonly string[]) =>
      this.#first(
        folders.map((folder) => `${folder}/${name}`),
        elf,
      );
    const found = inFolders(searched);
    if (found !== undefined || muslFolders !== undefined) return found ?? inFolders(muslFolders ?? []);
    if (elf.hasNoDefaultFolders) return undefined;
    return this.#fromCache(name, elf) ?? inFolders(defaultFolders(elf));
  }

  #fromCache(name: string, elf: ElfFile): Omit<LoadedObject, "rpaths"> | undefined {
    // Variants for newer processors come last: the plain one runs wherever the image may go.
    const isVariant = (entry: LdCacheEntry): boolean => entry.path.includes("/glibc-hwcaps/");
    const entries = this.#cache.filter((entry) => entry.soname === name);
    for (const entry of [...entries.filter((item) => !isVariant(item)), ...entries.filter(isVariant)]) {
      const found = this.#first([entry.path], elf);
      if (found === undefined) continue;
      const isFoundAnyway = defaultFolders(elf).includes(posix.dirname(entry.path));
      if (!isFoundAnyway) this.#cacheUsed.set(`${name}\0${entry.path}`, entry);
      return found;
    }
    return undefined;
  }

  /** The first of these that is a library for the same architecture, added. */
  #first(paths: readonly string[], wanted: ElfFile): Omit<LoadedObject, "rpaths"> | undefined {
    for (const path of paths) {
      if (!path.startsWith("/")) continue;
      const elf = this.#elfAt(path);
      if (elf === undefined || !isSameArchitecture(elf, wanted)) continue;
      const added = this.#list.add(path);
      if (added !== undefined) return { path: added.path, elf };
    }
    return undefined;
  }

  #elfAt(path: string): ElfFile | undefined {
    const target = this.#list.resolve(path);
    if (target?.file.type !== "file") return undefined;
    const program = this.#files.program(target.path);
    return program.kind === "elf" ? program.elf : undefined;
  }
}
