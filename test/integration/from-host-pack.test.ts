import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, skipReason } from "../support/command.ts";
import { openTestStore, type TestStore } from "../support/image-store.ts";

const skip = skipReason({ root: true, programs: ["bash", "chroot"] });
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("pack programs of this host", () => {
  let store: TestStore;
  let scratch: string;

  beforeAll(async () => {
    store = await openTestStore();
    scratch = mkdtempSync(join(tmpdir(), "gantry-from-host-"));
  });

  afterAll(async () => {
    rmSync(scratch, { recursive: true, force: true });
    await store[Symbol.asyncDispose]();
  });

  /** Runs a command with the newest snapshot as its root. */
  function runIn(chainIndex: number, ...command: string[]): { status: number | null; stdout: string; stderr: string } {
    const [snapshot] = store.snapshots.list().slice(chainIndex);
    const [root = ""] = store.snapshots.lower(snapshot?.chainId);
    // A container would have it mounted.
    spawnSync("mknod", ["-m", "666", join(root, "dev/null"), "c", "1", "3"]);
    const { status, stdout, stderr } = spawnSync(findProgram("chroot") ?? "chroot", [root, ...command], {
      encoding: "utf8",
      env: {},
    });
    return { status, stdout, stderr };
  }

  test("bash runs in it, and knows who it is", async () => {
    const image = await store.packer.pack({ paths: ["/bin/bash"], name: "shell:1" });
    expect(image.isCached).toBe(false);
    expect(runIn(0, "/bin/bash", "-c", "echo out; echo ~root; exit 7")).toEqual({
      status: 7,
      stdout: "out\n/root\n",
      stderr: "",
    });
    const [snapshot] = store.snapshots.list();
    const [root = ""] = store.snapshots.lower(snapshot?.chainId);
    expect(lstatSync(join(root, "tmp")).mode & 0o7777).toBe(0o1777);
    expect(store.content.names.list().map(({ name }) => name)).toEqual(["docker.io/library/shell:1"]);
    expect(store.leftovers()).toEqual([]);
  });

  test("the same again costs nothing, and survives a collection", async () => {
    await store.content.collect();
    const again = await store.packer.pack({ paths: ["/bin/bash"] });
    expect(again.isCached).toBe(true);
    expect(store.content.names.list().map(({ name }) => name)).toEqual(["docker.io/library/shell:1"]);
  });

  test("an image without a name goes when it is dropped, and is made anew with the same digest", async () => {
    const program = join(scratch, "program");
    writeFileSync(program, "#!/bin/bash\necho from a script\n", { mode: 0o755 });
    const first = await store.packer.pack({ paths: [program] });
    expect(store.content.names.of(first.manifestDigest).map(({ name }) => name)).toEqual([
      `<none>@${first.manifestDigest}`,
    ]);
    store.content.names.delete(`<none>@${first.manifestDigest}`);
    await store.content.collect();
    const second = await store.packer.pack({ paths: [program] });
    expect([second.isCached, second.configDigest]).toEqual([false, first.configDigest]);
    writeFileSync(program, "#!/bin/bash\necho changed\n");
    expect((await store.packer.pack({ paths: [program] })).configDigest).not.toBe(first.configDigest);
  });

  const perlModules = spawnSync("perl", ["-MScalar::Util", "-e", "print $INC{'Scalar/Util.pm'} =~ s{/Scalar.*}{}r"]);
  const modules = perlModules.stdout?.toString() ?? "";

  test.skipIf(!modules.startsWith("/"))(
    "perl comes with the folder that it loads its modules from",
    async () => {
      const before = store.snapshots.list().map(({ chainId }) => chainId);
      const script = join(scratch, "who");
      writeFileSync(script, "#!/usr/bin/perl\nuse Scalar::Util; print scalar getpwuid(0);\n", { mode: 0o755 });
      await store.packer.pack({ paths: [script, modules] });
      const index = store.snapshots.list().findIndex(({ chainId }) => !before.includes(chainId));
      const code = "use Scalar::Util; print scalar getpwuid(0)";
      expect(runIn(index, "/usr/bin/perl", "-e", code)).toEqual({ status: 0, stdout: "root", stderr: "" });
    },
    60_000,
  );

  test("what is missing is named", async () => {
    await expect(store.packer.pack({ paths: ["/no/such"] })).rejects.toThrow(
      "cannot pack /no/such: this host has no such file",
    );
    await expect(store.packer.pack({ paths: [] })).rejects.toThrow("nothing to pack");
    await expect(store.packer.pack({ paths: ["/bin/bash"], name: "Bad Name" })).rejects.toThrow(
      "invalid reference format",
    );
    await expect(store.packer.pack({ paths: ["/dev/null"] })).rejects.toThrow("it is no file and no folder");
    expect(store.leftovers()).toEqual([]);
  });
});
