import { describe, expect, test } from "bun:test";
import type { ResolvedManifest } from "../../distribution/client/registry-client.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor, Platform } from "../../oci/image.ts";
import { parseManifest } from "../../oci/manifest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { selectManifest } from "./select-manifest.ts";

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };
const known = new Map<string, ResolvedManifest>();

function resolved(document: object): ResolvedManifest {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const parsed = parseManifest(bytes);
  const descriptor = { mediaType: parsed.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  const manifest = { descriptor, bytes, document: parsed };
  known.set(descriptor.digest, manifest);
  return manifest;
}

function manifest(name: string): Descriptor {
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(name), size: 1 };
  return resolved({ schemaVersion: 2, config, layers: [] }).descriptor;
}

const index = (...manifests: object[]): ResolvedManifest => resolved({ schemaVersion: 2, manifests });

const fetchKnown = async (entry: Descriptor): Promise<ResolvedManifest> => {
  const found = known.get(entry.digest);
  if (found === undefined) throw new Error(`not known: ${entry.digest}`);
  return found;
};

describe("selectManifest", () => {
  test("a manifest is itself, an index leads to the one for the platform, nested ones too", async () => {
    const plain = index(manifest("x")).document.kind;
    expect(plain).toBe("index");
    const amd64 = { ...manifest("amd64"), platform: AMD64 };
    const inner = index({ ...manifest("arm64"), platform: ARM64 }, amd64);
    const outer = index({ ...inner.descriptor, platform: AMD64 });
    const selected = await selectManifest(outer, AMD64, fetchKnown);
    expect([selected.descriptor.digest, selected.indexes.map(({ descriptor }) => descriptor.digest)]).toEqual([
      amd64.digest,
      [outer.descriptor.digest, inner.descriptor.digest],
    ]);
  });

  test("an index of one image without platform, as umoci writes it, means that image", async () => {
    const only = manifest("only");
    expect((await selectManifest(index(only), AMD64, fetchKnown)).descriptor.digest).toBe(only.digest);
    await expect(selectManifest(index(only, manifest("other")), AMD64, fetchKnown)).rejects.toThrow(
      "no matching manifest",
    );
  });

  test("what there is instead is said, attestations left out", async () => {
    const attestation = { ...manifest("att"), platform: { os: "unknown", architecture: "unknown" } };
    const offered = index({ ...manifest("arm64"), platform: ARM64 }, attestation);
    const failure = await selectManifest(offered, AMD64, fetchKnown).catch(formatError);
    expect(failure).toBe("no matching manifest for linux/amd64 in the manifest list entries (it has linux/arm64)");
  });

  test("an index that leads deeper and deeper ends", async () => {
    let current = index({ ...manifest("deep"), platform: AMD64 });
    for (let depth = 0; depth < 5; depth++) current = index({ ...current.descriptor, platform: AMD64 });
    await expect(selectManifest(current, AMD64, fetchKnown)).rejects.toThrow("nested deeper than 4");
  });
});
