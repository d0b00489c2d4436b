import { beforeAll, describe, expect, test } from "bun:test";
import { ManifestFixture } from "../../../../test/support/manifest-fixture.ts";
import { OwnRegistry } from "../../../../test/support/own-registry.ts";
import {
  describeBytes,
  encodeManifest,
  type PushedManifest,
  pushBlob,
  pushImage,
  putManifest,
  refusal,
} from "../../../../test/support/push-content.ts";
import { digestOf } from "../../../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../../oci/media-types.ts";

const fixture = ManifestFixture.forThisFile();

describe("each kind of content", () => {
  const layer = "application/vnd.oci.image.layer.v1.tar+gzip";
  const empty = describeBytes("{}", "application/vnd.oci.empty.v1+json");
  beforeAll(() => pushBlob(fixture.repository, "{}"));

  /** Pushes and pulls by digest, and by a tag. */
  async function travels(document: object, algorithm: "sha256" | "sha512" = "sha256"): Promise<PushedManifest> {
    const manifest = encodeManifest(document, algorithm);
    await fixture.expectStored(await putManifest(fixture.repository, manifest.digest, manifest), manifest);
    await fixture.expectPulled(manifest.digest, manifest);
    if (algorithm === "sha256") {
      await fixture.expectStored(await putManifest(fixture.repository, "kind", manifest), manifest);
      await fixture.expectPulled("kind", manifest);
    }
    return manifest;
  }
  const entry = ({ bytes, digest, mediaType }: PushedManifest, fields: object = {}) => ({
    mediaType,
    digest,
    size: bytes.length,
    ...fields,
  });
  const index = (manifests: readonly object[], fields: object = {}) => ({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests,
    ...fields,
  });
  const artifact = (fields: object = {}) => ({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType: "application/vnd.test.thing",
    config: empty,
    layers: [empty],
    ...fields,
  });

  test("an index over platforms, one over indexes, and an empty one", async () => {
    const images = await Promise.all(
      ["amd64", "arm64"].map((name) => pushImage(fixture.repository, `platform-${name}`)),
    );
    const platforms = images.map((image, n) =>
      entry(image, { platform: { os: "linux", architecture: ["amd64", "arm64"][n] } }),
    );
    const inner = await travels(index(platforms));
    await travels(index([entry(inner)]));
    await travels(index([]));
  });

  test("an index whose entries are not there is refused; with blobs as entries it is BuildKit's cache", async () => {
    const missing = encodeManifest(index([describeBytes("not pushed", MEDIA_TYPES.ociManifest)]));
    const refused = await putManifest(fixture.repository, missing.digest, missing);
    expect(await refusal(refused)).toEqual({ status: 404, codes: ["MANIFEST_BLOB_UNKNOWN"] });
    await pushBlob(fixture.repository, "a cached layer");
    await travels(index([describeBytes("a cached layer", layer), empty]));
  });

  test("an artifact, one without layers, an index with an artifact's type", async () => {
    await travels(artifact());
    await travels(artifact({ layers: [] }));
    await travels(index([], { artifactType: "application/vnd.test.thing" }));
  });

  test("a manifest with a subject, there or not: the answer says it", async () => {
    const image = await pushImage(fixture.repository, "subject");
    for (const subject of [entry(image), describeBytes("nothing", MEDIA_TYPES.ociManifest)]) {
      for (const document of [artifact({ subject }), index([], { subject })]) {
        const manifest = encodeManifest(document);
        const response = await putManifest(fixture.repository, manifest.digest, manifest);
        expect(response.headers.get("oci-subject")).toBe(subject.digest);
        await fixture.expectStored(response, manifest);
      }
    }
    expect((await putManifest(fixture.repository, "subject", image)).headers.get("oci-subject")).toBeNull();
  });

  test("descriptors with data, unknown fields, annotations, no layers", async () => {
    const data = { ...empty, data: Buffer.from("{}").toString("base64") };
    await travels(artifact({ config: data, layers: [data], "org.example.unknown": { deep: [1, null] } }));
    await travels(artifact({ annotations: { a: "b", ü: "ö" }, config: { ...empty, extra: true } }));
  });

  test("an image whose layers may not be distributed does not need them", async () => {
    const foreign = (mediaType: string, fields: object = {}) => ({ ...describeBytes(mediaType, mediaType), ...fields });
    const base = artifact();
    const urls = ["https://store.example.com/blob"];
    await travels({
      ...base,
      layers: [
        empty,
        foreign("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", { urls }),
        foreign("application/vnd.oci.image.layer.nondistributable.v1.tar"),
        foreign("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
        foreign(layer, { urls }),
      ],
    });
  });

  test("Docker's images and lists", async () => {
    const image = await travels({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.dockerManifest,
      config: { ...empty, mediaType: MEDIA_TYPES.dockerConfig },
      layers: [{ ...empty, mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" }],
    });
    await travels({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.dockerIndex,
      manifests: [entry(image, { platform: { os: "linux", architecture: "amd64" } })],
    });
  });

  test("any type that nobody knows, whatever it holds", async () => {
    await travels({ mediaType: "application/vnd.test.anything+json", config: 3, layers: [null, { digest: 5 }] });
    const text = { bytes: Buffer.from("<xml/>"), digest: digestOf("<xml/>"), mediaType: "text/xml" };
    await fixture.expectStored(await putManifest(fixture.repository, "xml", text), text);
    await fixture.expectPulled("xml", text);
  });

  test("an index and all below it by sha512", async () => {
    const image = encodeManifest(artifact({ annotations: { by: "sha512" } }), "sha512");
    await fixture.expectStored(await putManifest(fixture.repository, image.digest, image), image);
    await travels(index([entry(image)]), "sha512");
  });

  test("sparse manifests, where they are allowed", async () => {
    await using tolerant = await OwnRegistry.start({ allowsSparse: true });
    const elsewhere = `${tolerant.url}/v2/sparse`;
    const image = encodeManifest(artifact({ layers: [describeBytes("missing", layer)] }));
    expect((await putManifest(elsewhere, "image", image)).status).toBe(201);
    const list = encodeManifest(index([describeBytes("missing", MEDIA_TYPES.ociManifest)]));
    expect((await putManifest(elsewhere, "index", list)).status).toBe(201);
    expect((await fetch(`${elsewhere}/manifests/index`)).status).toBe(200);
  });
});
