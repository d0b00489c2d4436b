import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ProgressEvent } from "../../src/image/progress-event.ts";
import { run } from "../support/command.ts";
import { openTestStore, type TestStore } from "../support/image-store.ts";
import { registrySkipReason, startRegistry, type TestRegistry } from "../support/registry.ts";
import { busyboxSkipReason, debianSkipReason, pushSeed, seedBusybox, seedDebian } from "../support/seed-images.ts";

const skip = registrySkipReason() ?? busyboxSkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("pull from Docker's registry", () => {
  let registry: TestRegistry;
  let store: TestStore;
  const minutes = 60_000;

  beforeAll(async () => {
    registry = await startRegistry();
    store = await openTestStore();
    await pushSeed(await seedBusybox(), `${registry.host}/busybox:1`);
  }, 2 * minutes);

  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    registry[Symbol.dispose]();
  });

  /** Where a pulled image's one layer is unpacked. */
  function lower(diffChain: number): string {
    const [snapshot] = store.snapshots.list().slice(diffChain);
    return store.snapshots.lower(snapshot?.chainId)[0] ?? "";
  }

  test("by tag, then by digest: names, progress in Docker's words, files on disk", async () => {
    const events: ProgressEvent[] = [];
    const pulled = await store
      .puller()
      .pull(`${registry.host}/busybox:1`, { onProgress: (event) => events.push(event) });
    expect(pulled.status).toBe("downloaded");
    expect(store.content.names.list().map(({ name }) => name)).toEqual([
      `${registry.host}/busybox:1`,
      `${registry.host}/busybox@${pulled.target.digest}`,
    ]);
    const said = [...new Set(events.map(({ status }) => status))];
    expect(said).toEqual([
      "Pulling from busybox",
      "Pulling fs layer",
      "Downloading",
      "Verifying Checksum",
      "Download complete",
      "Extracting",
      "Pull complete",
    ]);
    expect(lstatSync(join(lower(0), "bin/busybox")).isFile()).toBe(true);
    expect(lstatSync(join(lower(0), "tmp")).mode & 0o7777).toBe(0o1777);

    const again: ProgressEvent[] = [];
    const second = await store
      .puller()
      .pull(`${registry.host}/busybox:1`, { onProgress: (event) => again.push(event) });
    expect(second.status).toBe("up-to-date");
    expect(again.map(({ status }) => status)).toEqual(["Pulling from busybox", "Already exists"]);

    const byDigest = await store.puller().pull(`${registry.host}/busybox:ignored@${pulled.target.digest}`);
    expect(byDigest.configDigest).toBe(pulled.configDigest);
    expect(store.leftovers()).toEqual([]);
  });

  test("another platform than the image has is refused when it is asked for", async () => {
    await expect(
      store.puller().pull(`${registry.host}/busybox:1`, { platform: { os: "linux", architecture: "s390x" } }),
    ).rejects.toThrow("does not match the specified platform (linux/s390x)");
  });

  test.each([
    ["busybox:nope", "manifest for HOST/busybox:nope not found: manifest unknown: manifest unknown"],
    ["nope", "manifest for HOST/nope:latest not found: manifest unknown: manifest unknown"],
    [`busybox@sha256:${"0".repeat(64)}`, `manifest for HOST/busybox@sha256:${"0".repeat(64)} not found`],
  ])("%s is not there", async (name, message) => {
    const failure = store.puller().pull(`${registry.host}/${name}`);
    await expect(failure).rejects.toThrow(message.replace("HOST", registry.host));
  });

  const skipDebian = debianSkipReason();
  if (skipDebian !== undefined) console.log(`skipped: ${skipDebian}`);

  test.skipIf(skipDebian !== undefined)(
    "a real Debian, by two at the same time: one download, and a root filesystem like the one it was made of",
    async () => {
      const seed = await seedDebian();
      await pushSeed(seed, `${registry.host}/debian:12`);
      const began = performance.now();
      const [one, two] = await Promise.all([
        store.puller().pull(`${registry.host}/debian:12`),
        store.puller().pull(`${registry.host}/debian:12`),
      ]);
      console.log(`pulled and unpacked Debian in ${Math.round(performance.now() - began)} ms`);
      expect(one.configDigest).toBe(two.configDigest);
      const unpacked = store.snapshots.list().map(({ chainId }) => store.snapshots.lower(chainId)[0] ?? "");
      const debian = unpacked.find((folder) => existsSync(join(folder, "etc/debian_version"))) ?? "";
      expect(readdirSync(debian).sort()).toEqual(readdirSync(seed.rootfs).sort());
      const what = "%y %m %U %G %n %s %T@ %l %P\\n";
      const listing = (folder: string) =>
        run(["sh", "-c", `cd "$1" && find . -mindepth 1 -not -type d -printf '${what}' | sort`, "sh", folder]);
      expect(await listing(debian)).toBe(await listing(seed.rootfs));
      expect(store.leftovers()).toEqual([]);
    },
    5 * minutes,
  );

  test("what a collection keeps: all that names reach", async () => {
    const before = store.content.names.list().length;
    await store.content.collect();
    const pulled = await store.puller().pull(`${registry.host}/busybox:1`);
    expect(pulled.status).toBe("up-to-date");
    expect(store.content.names.list().length).toBe(before);
  });
});
