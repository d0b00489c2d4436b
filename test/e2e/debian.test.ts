import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { daemonSkipReason, TestDaemon } from "../support/daemon.ts";
import { debianSkipReason, seedDebian } from "../support/seed-images.ts";

/** Why no package can be had here; undefined if one can. */
async function networkSkipReason(): Promise<string | undefined> {
  const { rootfs } = await seedDebian();
  const sources = readFileSync(join(rootfs, "etc/apt/sources.list"), "utf8");
  const host = /^deb https?:\/\/([^/\s]+)/m.exec(sources)?.[1] ?? "";
  return await lookup(host).then(
    () => undefined,
    () => `this host does not find ${host}`,
  );
}

const reason = daemonSkipReason() ?? debianSkipReason() ?? (await networkSkipReason());
if (reason !== undefined) console.log(`skipped: a real Debian: ${reason}`);

describe.skipIf(reason !== undefined)("a real Debian", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start({ busybox: false });
    const { layout } = await seedDebian();
    await daemon.loadLayout(layout, "debian:bookworm");
  }, 120_000);
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  test("apt-get installs a package through the bridge, and it runs", async () => {
    const script =
      "(apt-get update && apt-get install -y --no-install-recommends hello) >/tmp/log 2>&1 || cat /tmp/log; hello";
    const result = await daemon.gantry(["run", "--rm", "debian:bookworm", "sh", "-c", script], { timeoutMs: 110_000 });
    expect(result).toEqual({ stdout: "Hello, world!\n", stderr: "", status: 0 });
  }, 120_000);

  test("setuid programs, groups and the records of dpkg are as the distribution made them", async () => {
    const script =
      "stat -c '%a %U' /usr/bin/passwd; dpkg --audit; getent group shadow | cut -d: -f1; cat /etc/debian_version | cut -c1-3";
    const result = await daemon.gantry(["run", "--rm", "--network", "none", "debian:bookworm", "sh", "-c", script]);
    expect(result).toEqual({ stdout: "4755 root\nshadow\n12.\n", stderr: "", status: 0 });
  });
});
