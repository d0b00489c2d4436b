import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { digestOf } from "./hash-digest.ts";
import { parseImageConfig, parseManifest } from "./manifest.ts";
import { MEDIA_TYPES } from "./media-types.ts";

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const layer = { mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf("layer"), size: 5 };
const config = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf("config"), size: 6 };
const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  manifests: [
    {
      mediaType: MEDIA_TYPES.ociManifest,
      digest: digestOf("m"),
      size: 7,
      platform: { os: "linux", architecture: "amd64" },
    },
  ],
};

describe("parseManifest", () => {
  test("reads a manifest and an index, with and without a media type of their own", () => {
    expect<unknown>(parseManifest(encode(manifest))).toEqual({
      kind: "manifest",
      mediaType: MEDIA_TYPES.ociManifest,
      manifest,
    });
    expect<unknown>(parseManifest(encode(index), MEDIA_TYPES.dockerIndex)).toEqual({
      ...{ kind: "index", mediaType: MEDIA_TYPES.dockerIndex, index },
    });
  });

  test("an empty list written as null by Go is empty", () => {
    const document = parseManifest(encode({ ...manifest, layers: null }));
    expect(document.kind === "manifest" && document.manifest.layers).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ["both index and manifest (CVE-2021-41190)", { ...manifest, ...index }, "document is both an index and a manifest"],
    ["an index that calls itself a manifest", { ...index, mediaType: MEDIA_TYPES.ociManifest }, "its content is not"],
    ["a wrong schema", { ...manifest, schemaVersion: 3 }, "schemaVersion is not 2"],
    ["nothing known", { schemaVersion: 2 }, "document is no manifest"],
    ["a negative size", { ...manifest, layers: [{ ...layer, size: -1 }] }, "layers[0].size is not a size in bytes"],
    ["a size beyond all numbers", { ...manifest, layers: [{ ...layer, size: 2 ** 60 }] }, "layers[0].size"],
    [
      "a digest that is a path",
      { ...manifest, config: { ...config, digest: "sha256:../../x" } },
      "config.digest is not a digest",
    ],
    ["a thousand layers", { ...manifest, layers: Array(1000).fill(layer) }, "layers has 1000 entries, more than 500"],
    ["a list", [1], "it is not a JSON object"],
  ])("refuses %s", (_name, document, message) => {
    expect(() => parseManifest(encode(document))).toThrow(message);
  });

  test("a header that contradicts the content is refused", () => {
    expect(() => parseManifest(encode(manifest), MEDIA_TYPES.ociIndex)).toThrow("mediaType is");
  });

  test("schema 1 is refused by name", () => {
    expect(() => parseManifest(encode({ schemaVersion: 1 }))).toThrow("schema 1");
  });

  test("any JSON is read or refused with a sentence", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          parseManifest(new TextEncoder().encode(text));
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(data-loss|unsupported)$/);
        }
      }),
    );
  });
});

describe("parseImageConfig", () => {
  const good = {
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: [digestOf("x")] },
    config: { Env: ["A=b"], Cmd: null },
  };

  test("keeps what it does not know", () => {
    expect<unknown>(parseImageConfig(encode({ ...good, "moby.buildkit.x": 1 }))).toEqual({
      ...good,
      "moby.buildkit.x": 1,
    });
  });

  test("says all that is wrong at once", () => {
    const bad = { ...good, rootfs: { type: "x", diff_ids: ["y"] }, config: { Env: "A=b" } };
    expect(() => parseImageConfig(encode(bad))).toThrow(
      'rootfs.type is not "layers"; rootfs.diff_ids[0] is not a digest; config.Env is not a list of strings',
    );
  });
});
