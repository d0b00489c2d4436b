import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { formatError, isGantryError } from "../../src/errors/gantry-error.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { encodeTarHeader, tarEnd, tarPadding } from "../../src/tar/tar-writer.ts";
import { skipReason } from "../support/command.ts";
import { FakeRegistry } from "../support/fake-registry.ts";
import { openTestStore, type TestStore, testConnections } from "../support/image-store.ts";

const skip = skipReason({ root: true });
if (skip !== undefined) console.log(`skipped: ${skip}`);

function makeTar(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const pieces = Object.entries(files).flatMap(([path, content]) => [
    encodeTarHeader({ type: "file", path, mode: 0o644, sizeBytes: content.byteLength }),
    content,
    tarPadding(content.byteLength),
  ]);
  return Buffer.concat([...pieces, tarEnd()]);
}

function makeLayer(files: Readonly<Record<string, Uint8Array>>) {
  const tar = makeTar(files);
  return { bytes: gzipSync(tar), diffId: digestOf(tar), mediaType: MEDIA_TYPES.ociLayerGzip };
}

describe.skipIf(skip !== undefined)("pull from a registry that misbehaves", () => {
  let registry: FakeRegistry;
  let store: TestStore;

  beforeEach(async () => {
    registry = await FakeRegistry.start();
    store = await openTestStore();
  });

  afterEach(async () => {
    registry[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
  });

  async function failure(name = "app:1"): Promise<string> {
    try {
      await store.puller().pull(`${registry.host}/${name}`);
    } catch (error) {
      if (!isGantryError(error)) throw error;
      return `${error.code}: ${formatError(error)}`;
    }
    return "no failure";
  }

  function expectNothingLeft(): void {
    expect(store.leftovers()).toEqual([]);
    expect(store.content.names.list()).toEqual([]);
    expect(store.snapshots.list()).toEqual([]);
  }

  const good = makeLayer({ "etc/motd": Buffer.from("hello\n"), data: randomBytes(200_000) });

  test("a layer whose bytes are not what its digest says", async () => {
    const { layers } = registry.addImage("app:1", [good]);
    const digest = layers[0]?.digest ?? "";
    registry.blobs.set(digest, makeLayer({ evil: randomBytes(200_000) }).bytes.subarray(0, good.bytes.byteLength));
    expect(await failure()).toStartWith("data-loss: ");
    expectNothingLeft();
  });

  test("a layer of the right size and form, but another's bytes", async () => {
    const { layers } = registry.addImage("app:1", [good]);
    const other = Buffer.from(good.bytes);
    // The time in gzip's header: it unpacks to the same, and is not the same.
    other[4] = 1;
    registry.blobs.set(layers[0]?.digest ?? "", other);
    expect(await failure()).toStartWith(`data-loss: wrong digest: expected ${layers[0]?.digest}`);
    expectNothingLeft();
  });

  test("a layer that is cut short", async () => {
    const { layers } = registry.addImage("app:1", [good]);
    registry.blobs.set(layers[0]?.digest ?? "", good.bytes.subarray(0, 50_000));
    expect(await failure()).toMatch(/^data-loss: .* ended after 50000 of \d+ bytes, again after trying to resume/);
    expectNothingLeft();
  });

  test("a layer that unpacks to something else than the config says", async () => {
    registry.addImage("app:1", [{ ...good, diffId: digestOf("else") }]);
    expect(await failure()).toContain(`unpacks to ${good.diffId}, the image's config says ${digestOf("else")}`);
    expectNothingLeft();
  });

  test("a config with another number of layers than the manifest", async () => {
    const config = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } };
    const layer = registry.addBlob(good.bytes, MEDIA_TYPES.ociLayerGzip);
    const blob = registry.addBlob(Buffer.from(JSON.stringify(config)), MEDIA_TYPES.ociConfig);
    registry.addManifest("app:1", { schemaVersion: 2, config: blob, layers: [layer] });
    expect(await failure()).toBe("data-loss: the image's config names 0 layers, its manifest 1");
    expectNothingLeft();
  });

  test("a layer that leaves the root", async () => {
    registry.addImage("app:1", [makeLayer({ "../../../../tmp/gantry-escaped": Buffer.from("x") })]);
    expect(await failure()).toContain("gantry-escaped");
    expect(existsSync("/tmp/gantry-escaped")).toBe(false);
    expectNothingLeft();
  });

  test("a stall in the middle of a layer", async () => {
    registry.addImage("app:1", [good]);
    registry.intercept = (request, response) => {
      if (request.headers.accept?.includes("manifest") || !request.url?.includes("blobs")) return false;
      if (!request.url.includes(digestOf(good.bytes))) return false;
      response.setHeader("content-length", good.bytes.byteLength);
      response.write(good.bytes.subarray(0, 1000));
      return true;
    };
    expect(await failure()).toMatch(/^unavailable: blob \S+ from \S+ stalled: no byte for 0\.5 s$/);
    expectNothingLeft();
  });

  test("a reset in the middle of a layer is resumed, and the image is whole", async () => {
    registry.addImage("app:1", [good]);
    let count = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.includes(digestOf(good.bytes)) || count++ > 0) return false;
      response.setHeader("content-length", good.bytes.byteLength);
      response.write(good.bytes.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    expect(await failure()).toBe("no failure");
    expect(store.snapshots.list().length).toBe(1);
    expect(count).toBe(2);
  });

  test("one bad layer of several: the others end, nothing half-done stays, and the next pull takes up from there", async () => {
    const layers = ["a", "b", "c", "d"].map((name) => makeLayer({ [name]: randomBytes(50_000) }));
    const image = registry.addImage("app:1", layers);
    const bad = image.layers[2]?.digest ?? "";
    const bytes = registry.blobs.get(bad) ?? new Uint8Array();
    registry.blobs.delete(bad);
    expect(await failure()).toContain(`cannot get blob ${bad}`);
    expect(store.leftovers()).toEqual([]);
    expect(store.content.names.list()).toEqual([]);
    registry.blobs.set(bad, bytes);
    expect(await failure()).toBe("no failure");
    expect(store.snapshots.list().length).toBe(4);
  });

  test("a pull that is called off", async () => {
    registry.addImage("app:1", [good]);
    const controller = new AbortController();
    registry.intercept = (request, response) => {
      if (!request.url?.includes(digestOf(good.bytes))) return false;
      response.setHeader("content-length", good.bytes.byteLength);
      response.write(good.bytes.subarray(0, 1000), () => controller.abort());
      return true;
    };
    await expect(store.puller().pull(`${registry.host}/app:1`, { signal: controller.signal })).rejects.toThrow();
    expectNothingLeft();
  });

  test("an index without this platform, one in a circle, and something that is no image", async () => {
    const { manifest } = registry.addImage("arm:1", [], { os: "linux", architecture: "arm64" });
    const entry = { ...manifest, platform: { os: "linux", architecture: "arm64" } };
    registry.addManifest("app:1", { schemaVersion: 2, manifests: [entry] }, MEDIA_TYPES.ociIndex);
    const amd64 = { os: "linux", architecture: "amd64" };
    await expect(store.puller({ platform: amd64 }).pull(`${registry.host}/app:1`)).rejects.toThrow(
      "no matching manifest for linux/amd64 in the manifest list entries",
    );
    const chart = registry.addBlob(Buffer.from("{}"), "application/vnd.cncf.helm.config.v1+json");
    registry.addManifest("chart:1", { schemaVersion: 2, config: chart, layers: [] });
    expect(await failure("chart:1")).toContain("is no image, but application/vnd.cncf.helm.config.v1+json");
    expectNothingLeft();
  });

  test("an index is kept whole, with what was not pulled named; another platform is added when it is asked for", async () => {
    const [amd64, arm64] = ["amd64", "arm64"].map((architecture) => ({ os: "linux", architecture }) as const);
    const layerOf = (name: string) => [makeLayer({ arch: Buffer.from(name) })];
    const entries = [
      { ...registry.addImage("app:amd64", layerOf("amd64"), amd64).manifest, platform: amd64 },
      { ...registry.addImage("app:arm64", layerOf("arm64"), arm64).manifest, platform: arm64 },
    ] as const;
    const index = registry.addManifest("app:1", { schemaVersion: 2, manifests: entries }, MEDIA_TYPES.ociIndex);
    const puller = store.puller({ platform: { os: "linux", architecture: "amd64" } });
    const pulled = await puller.pull(`${registry.host}/app:1`);
    expect([pulled.target.digest, pulled.manifestDigest]).toEqual([index.digest, entries[0].digest]);
    expect(store.content.graph.references(index.digest)).toEqual(entries.map(({ digest }) => digest).sort());
    await store.content.collect();
    expect([index.digest, ...entries.map(({ digest }) => digest)].map((digest) => store.content.has(digest))).toEqual([
      ...[true, true, false],
    ]);
    const other = await puller.pull(`${registry.host}/app:1`, { platform: { os: "linux", architecture: "arm64" } });
    expect([other.status, other.manifestDigest, other.target.digest]).toEqual([
      "downloaded",
      entries[1].digest,
      index.digest,
    ]);
    expect((await puller.pull(`${registry.host}/app:1`)).status).toBe("up-to-date");
  });

  test("a tag that moves takes its name along, and the image it leaves keeps its digest's name", async () => {
    const before = registry.addImage("app:1", [good]).manifest;
    await store.puller().pull(`${registry.host}/app:1`);
    const after = registry.addImage("app:1", [makeLayer({ other: Buffer.from("x") })]).manifest;
    expect((await store.puller().pull(`${registry.host}/app:1`)).status).toBe("downloaded");
    const names = store.content.names.list().map(({ name, digest }) => [name, digest]);
    expect(names.sort()).toEqual(
      [
        [`${registry.host}/app:1`, after.digest],
        [`${registry.host}/app@${before.digest}`, before.digest],
        [`${registry.host}/app@${after.digest}`, after.digest],
      ].sort(),
    );
  });

  test("a registry that is blocked", async () => {
    registry.addImage("app:1", [good]);
    const registries = testConnections({
      defaultRegistry: "docker.io",
      registries: [{ prefix: registry.host, isInsecure: true, isBlocked: true, mirrors: [] }],
    });
    await expect(store.puller({ registries }).pull(`${registry.host}/app:1`)).rejects.toThrow("is blocked");
    expect(registry.requests).toEqual([]);
  });

  test("two pulls at once share one download of each layer", async () => {
    registry.addImage("app:1", [good]);
    registry.addImage("app:2", [good]);
    await Promise.all(["app:1", "app:2"].map((name) => store.puller().pull(`${registry.host}/${name}`)));
    const path = `GET /v2/app/blobs/${digestOf(good.bytes)}`;
    expect(registry.requests.filter((request) => request === path).length).toBe(1);
  });
});
