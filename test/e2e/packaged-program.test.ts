import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { daemonSkipReason, TestDaemon } from "../support/daemon.ts";

const reason = daemonSkipReason(["unshare"]);
if (reason !== undefined) console.log(`skipped: packaged program: ${reason}`);

const repository = join(import.meta.dir, "../..");

/** Runs what follows where the checkout, and so the sources that the program was made of, is an empty folder. */
const elsewhere = [
  ...["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"', repository],
  ...["env", "-u", "BUN_INSTALL", "PATH=/nowhere"],
];

describe.skipIf(reason !== undefined)("the packaged program on a machine that has nothing else", () => {
  let daemon: TestDaemon;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gantry-packaged-"));
    const built = join(folder, "built");
    await run([process.execPath, join(repository, "scripts/build.ts"), built]);
    const program = join(folder, "gantry");
    copyFileSync(built, program);
    daemon = await TestDaemon.start({ busybox: false, program: [...elsewhere, program] });
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test("packs and unpacks layers in its threads, and runs a container by its own helper", async () => {
    const result = await daemon.gantry(["run", "--rm", "from-host:/bin/bash", "-c", "echo $$; exit 3"]);
    expect(result).toEqual({ stdout: "1\n", stderr: "", status: 3 });
  });
});
