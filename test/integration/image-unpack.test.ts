import { afterAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packLayer } from "../../src/image/pack-layer.ts";
import { applyLayer } from "../../src/image/unpack/apply-layer.ts";
import { finishLayer } from "../../src/image/unpack/finish-layer.ts";
import { DEFAULT_LAYER_LIMITS } from "../../src/image/unpack/layer-limits.ts";
import { LayerWorkers } from "../../src/image/unpack/layer-workers.ts";
import { removeTree } from "../../src/image/unpack/remove-tree.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { encodeTarHeader, type TarEntry, tarEnd, tarPadding } from "../../src/tar/tar-writer.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-unpack-"));
const workers = new LayerWorkers();
let made = 0;

afterAll(async () => {
  await workers[Symbol.asyncDispose]();
  removeTree(scratch);
});

function folder(): string {
  made += 1;
  const path = join(scratch, String(made));
  mkdirSync(path);
  return path;
}

type Given = TarEntry & { readonly text?: string };

function tarOf(...entries: readonly Given[]): Uint8Array[] {
  const parts = entries.flatMap(({ text = "", ...entry }) => [
    encodeTarHeader({
      mode: entry.type === "directory" ? 0o755 : 0o644,
      ...entry,
      ...(entry.type === "file" && entry.sparse === undefined ? { sizeBytes: text.length } : {}),
    }),
    Buffer.from(text),
    tarPadding(text.length),
  ]);
  return [...parts, tarEnd()];
}

async function apply(...entries: readonly Given[]): Promise<string> {
  const directory = folder();
  await applyLayer(tarOf(...entries), directory);
  return directory;
}

function run(script: string): string {
  return execFileSync("sh", ["-ec", script], { encoding: "utf8" });
}

describe("a hostile layer is refused with one sentence that names the entry", () => {
  const outside = join(scratch, "outside");
  mkdirSync(outside);
  const cases: readonly (readonly [string, RegExp, readonly Given[]])[] = [
    ["dot-dot (CVE-2019-14271-like)", /"\.\.\/evil".*leaves the layer/, [{ type: "file", path: "../evil" }]],
    ["dot-dot inside", /leaves the layer/, [{ type: "file", path: "a/../../evil" }]],
    ["absolute", /"\/etc\/evil".*absolute/, [{ type: "file", path: "/etc/evil" }]],
    [
      "through an absolute symbolic link",
      /"out\/evil".*symbolic link/,
      [
        { type: "symlink", path: "out", linkPath: outside },
        { type: "file", path: "out/evil" },
      ],
    ],
    [
      "through a relative symbolic link",
      /"out\/evil".*leaves the layer through a symbolic link/,
      [
        { type: "symlink", path: "out", linkPath: "../../../../../../tmp" },
        { type: "file", path: "out/evil" },
      ],
    ],
    [
      "through a loop of links",
      /too many symbolic links/,
      [
        { type: "symlink", path: "a", linkPath: "b" },
        { type: "symlink", path: "b", linkPath: "a" },
        { type: "file", path: "a/evil" },
      ],
    ],
    [
      "by hard link, dot-dot",
      /"evil".*leaves the layer/,
      [{ type: "hardlink", path: "evil", linkPath: "../../etc/passwd" }],
    ],
    [
      "by hard link, absolute",
      /"evil".*hard link to "\/etc\/passwd".*absolute/,
      [{ type: "hardlink", path: "evil", linkPath: "/etc/passwd" }],
    ],
    [
      "by hard link through a symbolic link",
      /leaves the layer/,
      [
        { type: "symlink", path: "out", linkPath: "../../../../../../etc" },
        { type: "hardlink", path: "evil", linkPath: "out/passwd" },
      ],
    ],
    ["a whiteout of its own folder", /no valid whiteout/, [{ type: "file", path: "a/.wh.." }]],
    ["a whiteout of the folder above", /no valid whiteout/, [{ type: "file", path: "a/.wh..." }]],
    [
      "a file as a folder",
      /no folder/,
      [
        { type: "file", path: "a" },
        { type: "file", path: "a/b" },
      ],
    ],
    ["a long name", /longer than/, [{ type: "file", path: `${"x/".repeat(3000)}y` }]],
  ];
  for (const [attack, words, entries] of cases) {
    test(attack, async () => {
      const layer = folder();
      const attempt = applyLayer(tarOf(...entries), layer);
      await expect(attempt).rejects.toThrow(words);
      expect(existsSync(join(outside, "evil"))).toBe(false);
    });
  }

  test("a hard link to what no layer has", async () => {
    const layer = folder();
    const { lowerWork } = await applyLayer(tarOf({ type: "hardlink", path: "evil", linkPath: "etc/passwd" }), layer);
    expect(() => finishLayer(layer, [], lowerWork)).toThrow(/"evil".*not in the image/);
  });

  test("a symbolic link is replaced, not written through", async () => {
    const layer = await apply(
      { type: "symlink", path: "f", linkPath: join(outside, "evil") },
      { type: "file", path: "f", text: "mine" },
    );
    expect(lstatSync(join(layer, "f")).isFile()).toBe(true);
    expect(existsSync(join(outside, "evil"))).toBe(false);
  });

  test("bombs: entries, bytes, ratio", async () => {
    const tight = { ...DEFAULT_LAYER_LIMITS, entriesMax: 2, sizeBytesMax: 4000 };
    const many = ["a", "b", "c"].map((path): Given => ({ type: "file", path }));
    await expect(applyLayer(tarOf(...many), folder(), { limits: tight })).rejects.toThrow(/more than 2 entries/);
    const large = tarOf({ type: "file", path: "a", text: "x".repeat(8000) });
    await expect(applyLayer(large, folder(), { limits: tight })).rejects.toThrow(/more than 4000 bytes/);
    const bomb = join(scratch, "bomb.gz");
    run(`head -c 64M /dev/zero | gzip -9 > ${bomb}`);
    const limits = { ...DEFAULT_LAYER_LIMITS, ratioFreeBytes: 1 << 20 };
    const attempt = workers.receive({ path: bomb }, { directory: folder(), limits });
    await expect(attempt).rejects.toThrow(/times its size|invalid tar/);
  });

  test("a truncated gzip layer", async () => {
    const path = join(scratch, "cut.gz");
    run(`head -c 3M /dev/urandom | gzip | head -c 1M > ${path}`);
    await expect(workers.receive({ path }, { directory: folder() })).rejects.toThrow(/truncated|invalid tar/);
  });
});

describe("a stack of layers under overlayfs", () => {
  /** Shows a mounted stack, topmost first, in a mount namespace of its own. */
  function merged(lower: readonly string[], script: string): string {
    const at = folder();
    const mount = `mount -t overlay overlay -o lowerdir=${[...lower, folder()].join(":")} ${at}`;
    return execFileSync("unshare", ["-m", "sh", "-ec", `${mount}; cd ${at}; ${script}`], { encoding: "utf8" });
  }

  test("whiteouts and opaque folders hide what is below, and nothing of their own layer", async () => {
    const base = await apply(
      { type: "directory", path: "d" },
      { type: "file", path: "d/old" },
      { type: "file", path: "gone" },
      { type: "file", path: "swap/old" },
      { type: "file", path: "kept" },
    );
    const top = await apply(
      { type: "directory", path: "d" },
      { type: "file", path: "d/new" },
      { type: "file", path: "d/.wh..wh..opq" },
      { type: "file", path: ".wh.gone" },
      { type: "file", path: ".wh.swap" },
      { type: "directory", path: "swap" },
      { type: "file", path: "swap/new" },
      { type: "file", path: ".wh..wh.plnk/x" },
      { type: "file", path: "kept", text: "top" },
      { type: "file", path: ".wh.kept" },
    );
    expect(merged([top, base], "find . | sort | tr '\\n' ' '; cat kept")).toBe(
      ". ./d ./d/new ./kept ./swap ./swap/new top",
    );
  });

  test("folders that a layer does not describe stay as they are below; hard links to files below are copied up", async () => {
    const base = await apply(
      { type: "directory", path: "private", mode: 0o710, uid: 7, gid: 8 },
      { type: "file", path: "private/file", text: "content", mode: 0o4755, uid: 9 },
    );
    const top = folder();
    const { lowerWork } = await applyLayer(
      tarOf({ type: "file", path: "private/sub/x" }, { type: "hardlink", path: "again", linkPath: "private/file" }),
      top,
    );
    await workers.finish(top, [base], lowerWork);
    const shown = merged([top, base], "stat -c '%a %u %g %h' private private/file; cat again");
    expect(shown).toMatch(/^710 7 8 \d+\n4755 9 0 2\ncontent$/);
  });
});

describe("a tree survives unpacking and packing bit for bit", () => {
  test("owners, modes, times, links, attributes, capabilities, devices, holes, odd names", async () => {
    const tree = folder();
    run(`cd ${tree}
      mkdir -m 1777 tmp; mkdir -m 2750 -p deep/er; chown 12:34 deep
      printf x > suid; chmod 4755 suid; chown 65534:100000 suid
      ln suid deep/er/hard; ln -s ../nowhere deep/dangling; chown -h 5:6 deep/dangling
      mknod null c 1 3; mknod disk b 8 17; mkfifo -m 640 pipe
      truncate -s 8M holes; printf mid | dd of=holes bs=1 seek=4194304 conv=notrunc status=none
      printf a > "$(printf 'l%.0s' $(seq 250))"; printf b > "$(printf 'caf\\303\\251 \\377')"; printf c > 'new
line'
      mkdir -p "$(printf 'n%.0s/' $(seq 60))"
      cp /bin/true cap; setcap cap_net_raw+ep cap
      setfattr -n user.note -v hello suid; setfattr -n trusted.note -v hidden deep
      touch -d '1950-01-02 03:04:05.123456789' suid; touch -d '2300-01-01 00:00:00.5' null; touch -h -d @7 deep/dangling`);
    const first = Buffer.concat([...packLayer(tree, { format: "plain" })]);
    const copy = folder();
    await applyLayer([first], copy);
    const second = Buffer.concat([...packLayer(copy, { format: "plain" })]);
    expect(second.equals(first)).toBe(true);
    expect(statSync(join(copy, "holes")).blocks).toBeLessThan(100);
    expect(run(`getcap ${copy}/cap`)).toContain("cap_net_raw");
    // A foreign reader agrees about names and contents.
    const archive = join(scratch, "tree.tar");
    writeFileSync(archive, first);
    const foreign = folder();
    run(
      `tar -C ${foreign} --xattrs --xattrs-include='*' -xpf ${archive} 2>/dev/null; rm ${tree}/pipe ${foreign}/pipe ${tree}/disk ${foreign}/disk ${tree}/null ${foreign}/null; diff -r --no-dereference ${tree} ${foreign}`,
    );
  });

  test("the upper folder of an overlay becomes a layer with whiteouts", async () => {
    const upper = await apply(
      { type: "directory", path: "d" },
      { type: "file", path: "d/.wh..wh..opq" },
      { type: "file", path: ".wh.gone" },
    );
    const layer = Buffer.concat([...packLayer(upper, { format: "overlay" })]);
    const again = folder();
    await applyLayer([layer], again);
    expect(lstatSync(join(again, "gone")).rdev).toBe(0);
    expect(Buffer.concat([...packLayer(again, { format: "overlay" })]).equals(layer)).toBe(true);
  });
});

describe("removing a tree", () => {
  test("goes as deep as it is, without following links", () => {
    const top = folder();
    const kept = folder();
    writeFileSync(join(kept, "file"), "x");
    run(`cd ${top}; ln -s ${kept} link; perl -e 'for (1..2400) { mkdir "d"; chdir "d" }'`);
    removeTree(top);
    expect(existsSync(top)).toBe(false);
    expect(readFileSync(join(kept, "file"), "utf8")).toBe("x");
    rmSync(kept, { recursive: true });
  });
});

describe("a large layer is decompressed by one thread and unpacked by another", () => {
  const LARGE = 8 << 20;
  // Random bytes stay as many when they are compressed.
  const noise = Buffer.from(randomBytes(LARGE / 2).toString("latin1"), "latin1").toString("hex");
  const large: Given = { type: "file", path: "large", text: noise };

  async function receive(packed: Uint8Array, options: { readonly signal?: AbortSignal } = {}) {
    const directory = folder();
    async function* pieces(): AsyncGenerator<Uint8Array, void> {
      for (let offset = 0; offset < packed.length; offset += 300_000) yield packed.subarray(offset, offset + 300_000);
    }
    const received = await workers.receive(pieces(), { directory, blobBytesMax: LARGE * 2, ...options });
    return { directory, received };
  }

  test("hashes and files are those of one thread", async () => {
    const tar = Buffer.concat(tarOf(large, { type: "file", path: "last", text: "x" }));
    for (const packed of [tar, gzipSync(tar)]) {
      const { directory, received } = await receive(packed);
      expect(received).toMatchObject({
        digest: digestOf(packed),
        sizeBytes: packed.length,
        applied: { diffId: digestOf(tar), entries: 2 },
      });
      expect(readFileSync(join(directory, "large"), "latin1")).toBe(noise);
      expect(readFileSync(join(directory, "last"), "latin1")).toBe("x");
    }
  });

  test("what either finds wrong is told, and a next layer comes through", async () => {
    const hostile = gzipSync(Buffer.concat(tarOf(large, { type: "file", path: "../evil" }, large)));
    await expect(receive(hostile)).rejects.toThrow(/"\.\.\/evil".*leaves the layer/);
    const tar = Buffer.concat(tarOf(large));
    await expect(receive(gzipSync(tar).subarray(0, -LARGE / 4))).rejects.toMatchObject({ code: "data-loss" });
    const { received } = await receive(tar);
    expect(received.applied?.diffId).toBe(digestOf(tar));
  });

  test("giving up ends both", async () => {
    const tar = Buffer.concat(tarOf(large));
    const reason = new AbortController();
    const packed = gzipSync(tar);
    const received = receive(packed, { signal: reason.signal });
    reason.abort();
    await expect(received).rejects.toMatchObject({ code: "cancelled" });
  });
});
