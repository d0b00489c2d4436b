import { afterAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../src/content/content-store.ts";
import { CONTENT_MIGRATIONS } from "../../src/content/migrations.ts";
import { LayerStore } from "../../src/image/layer-store.ts";
import { IMAGE_MIGRATIONS } from "../../src/image/migrations.ts";
import { SnapshotStore } from "../../src/image/snapshot-store.ts";
import { LayerWorkers } from "../../src/image/unpack/layer-workers.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import type { ImageConfig, ImageManifest } from "../../src/oci/image.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { State } from "../../src/state/state.ts";
import { encodeTarHeader, tarEnd, tarPadding } from "../../src/tar/tar-writer.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-failure-"));
const small = join(scratch, "small");
mkdirSync(small);
execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
const workers = new LayerWorkers();

afterAll(async () => {
  await workers[Symbol.asyncDispose]();
  execFileSync("umount", ["-l", small]);
  rmSync(scratch, { recursive: true });
});

function layerOf(sizeBytes: number): Buffer {
  const text = Buffer.alloc(sizeBytes, "x");
  const header = encodeTarHeader({ type: "file", path: "file", sizeBytes, mode: 0o644 });
  return Buffer.concat([header, text, tarPadding(sizeBytes), tarEnd()]);
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
}

function imageOf(layers: readonly Uint8Array[]): { readonly manifest: ImageManifest; readonly config: ImageConfig } {
  const descriptors = layers.map((bytes) => ({
    mediaType: MEDIA_TYPES.ociLayer,
    digest: digestOf(bytes),
    size: bytes.length,
  }));
  const config: ImageConfig = {
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: descriptors.map((layer) => layer.digest) },
  };
  const bytes = JSON.stringify(config);
  const described = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(bytes), size: bytes.length };
  return { config, manifest: { schemaVersion: 2, config: described, layers: descriptors } };
}

async function open(name: string, root: string = join(scratch, name)) {
  mkdirSync(root, { recursive: true });
  const migrations = [...CONTENT_MIGRATIONS, ...IMAGE_MIGRATIONS];
  const state = State.open(join(scratch, `${name}.db`), { migrations, now: () => 0 });
  const content = ContentStore.open({ directory: join(root, "content"), state });
  const snapshots = await SnapshotStore.open({ directory: join(root, "snapshots"), state, workers });
  const leftovers = () => [
    ...readdirSync(join(root, "content/ingest")),
    ...readdirSync(join(root, "snapshots/temporary")),
  ];
  return { content, snapshots, layers: new LayerStore({ content, snapshots, workers }), leftovers };
}

describe("a failure leaves nothing half-done", () => {
  test("a full disk is said in words", async () => {
    const { content, layers, leftovers } = await open("full", small);
    const { manifest, config } = imageOf([layerOf(8 << 20)]);
    using lease = content.graph.lease();
    const attempt = layers.install(manifest, config, { lease, open: () => pieces(layerOf(8 << 20)) });
    await expect(attempt).rejects.toThrow(/no space left/);
    expect(leftovers()).toEqual([]);
  });

  test("a wrong digest, a wrong diff ID, a short and a long layer, a source that fails", async () => {
    const { content, layers, snapshots, leftovers } = await open("wrong");
    const good = layerOf(100_000);
    const { manifest, config } = imageOf([good]);
    using lease = content.graph.lease();
    const install = (bytes: AsyncIterable<Uint8Array>, of = { manifest, config }) =>
      layers.install(of.manifest, of.config, { lease, open: () => bytes });
    const flipped = Buffer.from(good);
    flipped[600] = 1;
    await expect(install(pieces(flipped))).rejects.toThrow(/wrong digest/);
    await expect(install(pieces(good.subarray(0, good.length - 1024)))).rejects.toThrow(/truncated/);
    await expect(install(pieces(Buffer.concat([good, good])))).rejects.toThrow(/too long/);
    const lying = { manifest, config: { ...config, rootfs: { type: "layers" as const, diff_ids: [digestOf("x")] } } };
    await expect(install(pieces(good), lying)).rejects.toThrow(/unpacks to sha256:.*config says/);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield good.subarray(0, 70_000);
      throw new Error("connection reset");
    }
    await expect(install(broken())).rejects.toThrow(/connection reset/);
    expect(leftovers()).toEqual([]);
    expect(snapshots.list()).toEqual([]);
    expect(content.has(digestOf(good))).toBe(false);
  });

  test("a cancelled one, and one cancelled while another one waits for the same layer", async () => {
    const { content, layers, leftovers } = await open("cancelled");
    const bytes = layerOf(100_000);
    const { manifest, config } = imageOf([bytes]);
    using lease = content.graph.lease();
    const cancel = new AbortController();
    const started = Promise.withResolvers<void>();
    async function* stalled(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 1000);
      started.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    const first = layers.install(manifest, config, {
      ...{ lease, signal: cancel.signal },
      open: (_layer, { signal }) => stalled(signal),
    });
    await started.promise;
    let asked = 0;
    const second = layers.install(manifest, config, {
      lease,
      open: () => {
        asked += 1;
        return pieces(bytes);
      },
    });
    cancel.abort();
    await expect(first).rejects.toThrow();
    expect(await second).toBeDefined();
    expect(asked).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  test("what two ask for at the same time comes once", async () => {
    const { content, layers } = await open("shared");
    const [low, high] = [layerOf(1000), layerOf(2000)];
    const images = [imageOf([low, high]), imageOf([high, low]), imageOf([low, low, high])];
    using lease = content.graph.lease();
    let asked = 0;
    const chains = await Promise.all(
      images.map(({ manifest, config }) =>
        layers.install(manifest, config, {
          lease,
          open: (layer) => {
            asked += 1;
            return pieces(layer.digest === digestOf(low) ? low : high);
          },
        }),
      ),
    );
    expect(new Set(chains).size).toBe(3);
    expect(asked).toBe(2);
  });
});
