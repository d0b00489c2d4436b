import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { skipReason } from "../support/command.ts";
import { checkoutProgram, until } from "../support/daemon.ts";
import { OwnRegistry } from "../support/own-registry.ts";
import { pushImage } from "../support/push-content.ts";
import { RegistryProcess } from "../support/registry-process.ts";
import { S3Double } from "../support/s3-double.ts";

/** Nobody listens there: what is asked by way of it fails. */
const PROXIES = ["HTTP_PROXY=http://127.0.0.1:9", "http_proxy=http://127.0.0.1:9"];

test("a registry whose environment has a proxy, a narrow umask and an odd root reaches others on this host, and tells them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry odd höst 'quoted' "));
  await using upstream = await OwnRegistry.start();
  await pushImage(`${upstream.url}/v2/app`, "v1");
  const told = Promise.withResolvers<string>();
  using hook = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      told.resolve(await request.text());
      return new Response();
    },
  });
  const config = join(folder, "registry.toml");
  writeFileSync(
    config,
    `[[upstream]]\nprefix = "copy"\nregistry = "${upstream.host}"\n
     [[notifications]]\nname = "hook"\nurl = "http://127.0.0.1:${hook.port}/"\n`,
  );
  const before = ["env", "-u", "NO_PROXY", "-u", "no_proxy", ...PROXIES, "sh", "-c", 'umask 077 && exec "$0" "$@"'];
  {
    await using registry = await RegistryProcess.start({
      root: join(folder, "root"),
      args: ["--config", config],
      before,
    });
    expect((await fetch(`${registry.url}/v2/copy/app/manifests/v1`)).status).toBe(200);
    await pushImage(`${registry.url}/v2/own/app`, "v1");
    expect(await told.promise).toContain("events");
  }
  rmSync(folder, { recursive: true });
});

test("a registry outlives whoever reads its access log, and SIGHUP that a service is sent", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-reader-"));
  const config = join(folder, "registry.toml");
  writeFileSync(config, 'access-log = "-"\n');
  // Its standard output is a pipe that nobody has open for reading.
  const before = ["bash", "-c", 'exec "$0" "$@" > >(true)'];
  {
    await using registry = await RegistryProcess.start({
      root: join(folder, "root"),
      args: ["--config", config],
      before,
    });
    for (let count = 0; count < 20; count++) {
      process.kill(registry.pid, "SIGHUP");
      expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
    }
    await until("it tells so", () => registry.log.includes("lines of the access log are lost: EPIPE"));
    expect(registry.log.split("are lost")).toHaveLength(2);
  }
  rmSync(folder, { recursive: true });
});

const skip = skipReason({ root: true, programs: ["unshare", "mount"] });
if (skip !== undefined) console.log(`skipped: ${skip}`);

test.skipIf(skip !== undefined)("a root that cannot be written is refused in a sentence", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-read-only-"));
  const mount = 'mount -t tmpfs tmpfs "$0" && mkdir "$0/root" && mount -o remount,ro "$0" && exec "$@"';
  const before = ["--mount", "--propagation", "private", "sh", "-c", mount, folder];
  const command = [...checkoutProgram, "registry", "serve", "--listen", "127.0.0.1:0", "--root", join(folder, "root")];
  const { status, stderr } = spawnSync("unshare", [...before, ...command], { encoding: "utf8" });
  const sentence = /^gantry: cannot use .*: the file system is read-only.*another --root/;
  expect([status, stderr]).toEqual([1, expect.stringMatching(sentence)]);
  rmSync(folder, { recursive: true });
});

test.skipIf(skip !== undefined).each([
  ["is not there", "mount -t tmpfs tmpfs /proc/sys/kernel/random"],
  ["is hidden", "mount --bind /dev/null /proc/sys/kernel/random/boot_id"],
])(
  "where the boot's number %s, a registry with a bucket serves, and asks who served last, for that may be any host's",
  async (_, hide) => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-no-boot-"));
    using bucket = new S3Double();
    const config = join(folder, "registry.toml");
    writeFileSync(config, `[storage.s3]\nbucket = "images"\nendpoint = "${bucket.endpoint}"\n`);
    {
      await using registry = await RegistryProcess.start({
        root: join(folder, "root"),
        args: ["--config", config],
        env: { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" },
        before: ["unshare", "--mount", "--propagation", "private", "sh", "-c", `${hide} && exec "$0" "$@"`],
      });
      await pushImage(`${registry.url}/v2/app`, "v1");
      await registry.down("SIGKILL");
      void registry.up().catch(() => undefined);
      await until("it asks", () => registry.log.includes("did not say that it ended"));
    }
    rmSync(folder, { recursive: true });
  },
);
