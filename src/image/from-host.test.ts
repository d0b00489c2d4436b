import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { makeElf } from "../../test/support/make-elf.ts";
import { formatLdCache, parseLdCache } from "../elf/ld-cache.ts";
import { digestOf } from "../oci/hash-digest.ts";
import { HostFiles } from "./from-host/host-files.ts";
import type { PackedEntry } from "./from-host/packing-list.ts";
import { streamTar } from "./from-host/tar-stream.ts";
import { listFromHost } from "./from-host.ts";

/** A small host of our own, with merged /usr as Debian has it. */
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-host-"));
  for (const folder of ["usr/bin", "usr/lib", "usr/lib64", "etc"]) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ["bin", "lib", "lib64"]) symlinkSync(`usr/${folder}`, join(root, folder));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string | Uint8Array, mode = 0o755): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  chmodSync(join(root, path), mode);
}

const LOADER = "/lib64/ld-linux-x86-64.so.2";
const NEEDED = 1;
const SONAME = 14;
const RPATH = 15;
const RUNPATH = 29;

function program(path: string, dynamic: readonly (readonly [number, string | number])[], interpreter = LOADER): void {
  write(path, makeElf({ bits: 64, isLittleEndian: true, interpreter, dynamic }));
}

function library(
  path: string,
  dynamic: readonly (readonly [number, string | number])[] = [],
  bits: 32 | 64 = 64,
): void {
  write(path, makeElf({ bits, isLittleEndian: true, dynamic }), 0o644);
}

function withLoader(): void {
  library(LOADER);
  library("/usr/lib/x86_64-linux-gnu/libc.so.6", [[SONAME, "libc.so.6"]]);
}

const SURROUNDINGS =
  /^\/(dev|etc|proc|root|run|sys|tmp|var|var\/tmp|etc\/(passwd|group|nsswitch\.conf)|usr|usr\/lib|usr\/lib64|usr\/lib\/x86_64-linux-gnu|lib|lib64)$/;

async function list(...paths: string[]): Promise<readonly PackedEntry[]> {
  return listFromHost(paths, new HostFiles(root));
}

/** What is packed, without what is always there. */
async function packed(...paths: string[]): Promise<string[]> {
  return (await list(...paths)).map(({ path }) => path).filter((path) => !SURROUNDINGS.test(path));
}

const LIBC = ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/ld-linux-x86-64.so.2"];

describe("listFromHost", () => {
  test("a program comes with its loader, its libraries, theirs, and every link on the way", async () => {
    withLoader();
    library("/usr/lib/x86_64-linux-gnu/libdeep.so.3.1", [[NEEDED, "libc.so.6"]]);
    symlinkSync("libdeep.so.3.1", join(root, "usr/lib/x86_64-linux-gnu/libdeep.so.3"));
    library("/usr/lib/libtop.so.1", [[NEEDED, "libdeep.so.3"]]);
    program("/usr/bin/tool", [
      [NEEDED, "libtop.so.1"],
      [NEEDED, "libc.so.6"],
    ]);
    symlinkSync("/etc/alternatives/tool", join(root, "usr/bin/t"));
    mkdirSync(join(root, "etc/alternatives"));
    symlinkSync("../../usr/bin/tool", join(root, "etc/alternatives/tool"));
    expect(await packed("/bin/t")).toEqual([
      "/bin",
      "/etc/alternatives",
      "/etc/alternatives/tool",
      "/usr/bin",
      "/usr/bin/t",
      "/usr/bin/tool",
      "/usr/lib/libtop.so.1",
      LIBC[0] ?? "",
      "/usr/lib/x86_64-linux-gnu/libdeep.so.3",
      "/usr/lib/x86_64-linux-gnu/libdeep.so.3.1",
      LIBC[1] ?? "",
    ]);
  });

  test("RUNPATH counts for the object that says it, RPATH for what that loads too", async () => {
    withLoader();
    library("/opt/run/liba.so", [[NEEDED, "libb.so"]]);
    library("/opt/run/libb.so");
    program("/opt/bin/run", [
      [NEEDED, "liba.so"],
      [RUNPATH, "$ORIGIN/../run"],
    ]);
    await expect(list("/opt/bin/run")).rejects.toThrow(
      "cannot pack /opt/bin/run: it needs libb.so, which this host does not have",
    );
    program("/opt/bin/r", [
      [NEEDED, "liba.so"],
      [RPATH, "$ORIGIN/../run"],
    ]);
    expect(await packed("/opt/bin/r")).toContain("/opt/run/libb.so");
  });

  test("a library of another architecture is passed over", async () => {
    withLoader();
    library("/opt/wrong/libx.so", [], 32);
    library("/usr/lib/libx.so");
    program("/opt/p", [
      [NEEDED, "libx.so"],
      [RUNPATH, "/opt/wrong"],
    ]);
    const paths = await packed("/opt/p");
    expect([paths.includes("/opt/wrong/libx.so"), paths.includes("/usr/lib/libx.so")]).toEqual([false, true]);
  });

  test("a library that only the loader's cache can find brings a cache, with that library alone", async () => {
    withLoader();
    library("/opt/odd/libodd.so.1");
    const cache = [
      { soname: "libodd.so.1", path: "/opt/odd/glibc-hwcaps/x86-64-v3/libodd.so.1", flags: 0x303 },
      { soname: "libodd.so.1", path: "/opt/odd/libodd.so.1", flags: 0x303 },
      { soname: "libc.so.6", path: "/lib/x86_64-linux-gnu/libc.so.6", flags: 0x303 },
    ];
    write("/etc/ld.so.cache", formatLdCache(cache), 0o644);
    program("/opt/p", [
      [NEEDED, "libodd.so.1"],
      [NEEDED, "libc.so.6"],
    ]);
    const made = (await list("/opt/p")).find(({ path }) => path === "/etc/ld.so.cache");
    expect(made?.kind === "made" && parseLdCache(made.content as Uint8Array)).toEqual([
      { soname: "libodd.so.1", path: "/opt/odd/libodd.so.1", flags: 0x303 },
    ]);
  });

  test("musl's loader is the C library itself, and has folders of its own", async () => {
    library("/lib/ld-musl-x86_64.so.1");
    library("/srv/lib/libz.so.1");
    write("/etc/ld-musl-x86_64.path", "/usr/lib:/srv/lib\n", 0o644);
    const needs = [
      [NEEDED, "libz.so.1"],
      [NEEDED, "libc.musl-x86_64.so.1"],
    ] as const;
    program("/usr/bin/p", needs, "/lib/ld-musl-x86_64.so.1");
    expect(await packed("/usr/bin/p")).toEqual([
      ...["/etc/ld-musl-x86_64.path", "/srv", "/srv/lib", "/srv/lib/libz.so.1", "/usr/bin", "/usr/bin/p"],
      "/usr/lib/ld-musl-x86_64.so.1",
    ]);
  });

  test("a script comes with its interpreter, through env too", async () => {
    withLoader();
    program("/usr/bin/python3", [[NEEDED, "libc.so.6"]]);
    program("/usr/bin/env", [[NEEDED, "libc.so.6"]]);
    write("/opt/script", "#! /usr/bin/env -S python3 -u\nprint()\n");
    const paths = await packed("/opt/script");
    expect(["/usr/bin/env", "/usr/bin/python3", ...LIBC].every((path) => paths.includes(path))).toBe(true);
    write("/opt/broken", "#!/no/such/interpreter\n");
    await expect(list("/opt/broken")).rejects.toThrow("it needs /no/such/interpreter, which this host does not have");
  });

  test("a folder comes whole; what its programs load comes as far as it is there", async () => {
    withLoader();
    program("/opt/app/bin/run", [[NEEDED, "libc.so.6"]]);
    library("/opt/app/plugin.so", [[NEEDED, "libmissing.so"]]);
    write("/opt/app/data", "x", 0o640);
    symlinkSync("/nowhere", join(root, "opt/app/dangling"));
    symlinkSync("/etc", join(root, "opt/app/outside"));
    expect(await packed("/opt/app")).toEqual([
      "/opt",
      "/opt/app",
      "/opt/app/bin",
      "/opt/app/bin/run",
      "/opt/app/dangling",
      "/opt/app/data",
      "/opt/app/outside",
      "/opt/app/plugin.so",
      ...LIBC,
    ]);
  });

  test.each([
    ["/no/such/program", "cannot pack /no/such/program: this host has no such file or folder"],
    ["/bin/loop", "its symbolic links go in a circle"],
    ["/usr/bin/noloader", "it needs the loader /lib64/ld-linux-x86-64.so.2, which this host does not have"],
    ["/usr/bin/damaged", "cannot read the program /usr/bin/damaged"],
  ])("%s: one clear sentence", async (path, message) => {
    symlinkSync("loop", join(root, "bin/loop"));
    program("/usr/bin/noloader", []);
    write("/usr/bin/damaged", makeElf({ bits: 64, isLittleEndian: true, dynamic: [] }).subarray(0, 80));
    await expect(list(path)).rejects.toThrow(message);
  });
});

describe("streamTar", () => {
  async function digestOfTar(...paths: string[]): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of streamTar(await list(...paths), new HostFiles(root))) chunks.push(chunk);
    return digestOf(Buffer.concat(chunks));
  }

  test("the same files give the same bytes, whatever else happens in the folders that lead to them", async () => {
    write("/opt/static", makeElf({ bits: 64, isLittleEndian: true, dynamic: [] }));
    const before = await digestOfTar("/opt/static");
    write("/opt/other", "unrelated");
    utimesSync(join(root, "opt"), 1, 1);
    expect(await digestOfTar("/opt/static")).toBe(before);
    utimesSync(join(root, "opt/static"), 5, 5);
    expect(await digestOfTar("/opt/static")).not.toBe(before);
  });

  test("a file that changes meanwhile is not packed half", async () => {
    write("/opt/file", "one", 0o644);
    const entries = await list("/opt/file");
    rmSync(join(root, "opt/file"));
    write("/opt/file", "other", 0o644);
    const drain = async () => {
      for await (const _chunk of streamTar(entries, new HostFiles(root)));
    };
    await expect(drain()).rejects.toThrow("cannot pack /opt/file: it was changed meanwhile");
  });

  test("hard links stay links", async () => {
    write("/opt/a/one", "x".repeat(100_000), 0o644);
    linkSync(join(root, "opt/a/one"), join(root, "opt/a/two"));
    let sizeBytes = 0;
    for await (const chunk of streamTar(await list("/opt/a"), new HostFiles(root))) sizeBytes += chunk.byteLength;
    expect(sizeBytes).toBeLessThan(150_000);
  });
});
