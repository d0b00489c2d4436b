import { expect, test } from "bun:test";
import fc from "fast-check";
import { digestOf } from "../../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { describeManifest } from "./describe-manifest.ts";
import { RegistryError } from "./registry-error.ts";

const digest = fc.string().map((text) => digestOf(text));
const mediaType = fc.constantFrom("application/vnd.a+json", "text/x", MEDIA_TYPES.ociConfig);
const descriptor = fc.record({ mediaType, digest, size: fc.nat() });
const encode = (document: unknown): Uint8Array => Buffer.from(JSON.stringify(document));

test("an image needs its config and its layers, an index its manifests; neither needs its subject", () => {
  const optional = {
    subject: descriptor,
    artifactType: mediaType,
    annotations: fc.dictionary(fc.string(), fc.string()),
  };
  const image = fc.record(
    { config: descriptor, layers: fc.array(descriptor), ...optional },
    { requiredKeys: ["config", "layers"] },
  );
  const index = fc.record({ manifests: fc.array(descriptor), ...optional }, { requiredKeys: ["manifests"] });
  fc.assert(
    fc.property(image, index, (anImage, anIndex) => {
      const blobs = [anImage.config, ...anImage.layers].map((one) => one.digest);
      const described = describeManifest(encode({ schemaVersion: 2, ...anImage }), MEDIA_TYPES.ociManifest);
      expect(described.requiredBlobs).toEqual(blobs);
      expect(described.references).toEqual(blobs);
      expect(described.requiredManifests).toEqual([]);
      expect(described.subject).toBe(anImage.subject?.digest);
      expect(described.artifactType).toBe(anImage.artifactType ?? anImage.config.mediaType);
      const list = describeManifest(encode({ schemaVersion: 2, ...anIndex }), MEDIA_TYPES.ociIndex);
      expect(list.requiredManifests).toEqual(anIndex.manifests.map((one) => one.digest));
      expect(list.requiredBlobs).toEqual([]);
      expect(list.subject).toBe(anIndex.subject?.digest);
      expect(list.artifactType).toBe(anIndex.artifactType);
    }),
  );
});

test("whatever bytes come with whatever type, they are described or refused as invalid", () => {
  const type = fc.oneof(fc.constantFrom(...Object.values(MEDIA_TYPES), "", "application/json"), mediaType, fc.string());
  const field = fc.oneof(descriptor, fc.array(descriptor), fc.jsonValue());
  const document = fc.record(
    {
      schemaVersion: fc.constantFrom(1, 2, 3, "2"),
      mediaType: type,
      config: field,
      layers: field,
      manifests: field,
      blobs: field,
      subject: field,
      annotations: field,
      artifactType: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const bytes = fc.oneof(document.map(encode), fc.jsonValue().map(encode), fc.uint8Array());
  fc.assert(
    fc.property(bytes, type, (anything, contentType) => {
      try {
        const { references, requiredBlobs, requiredManifests, annotations, artifactType, subject } = describeManifest(
          anything,
          contentType,
        );
        for (const one of [...references, ...requiredBlobs, ...requiredManifests])
          expect(one).toMatch(/^sha(256|512):/);
        for (const needed of [...requiredBlobs, ...requiredManifests]) expect(references).toContain(needed);
        if (subject !== undefined) expect(subject).toMatch(/^sha(256|512):/);
        expect(["string", "undefined"]).toContain(typeof artifactType);
        for (const value of Object.values(annotations ?? {})) expect(typeof value).toBe("string");
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError);
        expect((error as RegistryError).registryCode).toBe("MANIFEST_INVALID");
      }
    }),
    { numRuns: 3000 },
  );
});
