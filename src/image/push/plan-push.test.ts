import { describe, expect, test } from "bun:test";
import { formatError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor, ImageIndex, Platform } from "../../oci/image.ts";
import { parseImageConfig, parseManifest } from "../../oci/manifest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { type PlanPushOptions, type PlanPushParts, planPush } from "./plan-push.ts";

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };

/** A store of documents in memory. */
class Documents {
  readonly blobs = new Map<string, Uint8Array>();
  readonly there = new Set<string>();

  get parts(): PlanPushParts {
    const bytes = (digest: Digest): Uint8Array => {
      const found = this.blobs.get(digest);
      if (found === undefined) throw new Error(`no ${digest}`);
      return found;
    };
    return {
      content: { has: (digest) => this.blobs.has(digest), stat: (digest) => ({ sizeBytes: bytes(digest).byteLength }) },
      documents: {
        bytes,
        manifest: (digest) => parseManifest(bytes(digest)),
        config: (digest) => parseImageConfig(bytes(digest)),
      },
      isThere: async (digest) => this.there.has(digest),
    };
  }

  put(content: object | string, mediaType: string): Descriptor {
    const bytes = new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  image(platform: Platform, layers: readonly Descriptor[]): Descriptor {
    const rootfs = { type: "layers", diff_ids: layers.map((layer) => digestOf(`diff ${layer.digest}`)) };
    const config = this.put({ ...platform, rootfs }, MEDIA_TYPES.ociConfig);
    return { ...this.put({ schemaVersion: 2, config, layers }, MEDIA_TYPES.ociManifest), platform };
  }

  layer(text: string, extra: Partial<Descriptor> = {}): Descriptor {
    return { ...this.put(text, MEDIA_TYPES.ociLayerGzip), ...extra };
  }

  index(...manifests: readonly Descriptor[]): Descriptor {
    return this.put({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }, MEDIA_TYPES.ociIndex);
  }
}

const plan = (documents: Documents, target: Descriptor, options: Partial<PlanPushOptions> = {}) =>
  planPush(target.digest, documents.parts, { name: "app:1", ...options });

const digests = (manifests: readonly { readonly descriptor: Descriptor }[]) =>
  manifests.map(({ descriptor }) => descriptor.digest);

describe("planPush", () => {
  test("an image: layers from the top, named by what they unpack to, then its config, then its manifest", async () => {
    const documents = new Documents();
    const [bottom, top] = [documents.layer("bottom"), documents.layer("top")];
    const image = documents.image(AMD64, [bottom, top]);
    const { blobs, manifests, note } = await plan(documents, image);
    expect(blobs.map(({ descriptor, id }) => [descriptor.digest, id])).toEqual([
      [top.digest, digestOf(`diff ${top.digest}`).slice(7, 19)],
      [bottom.digest, digestOf(`diff ${bottom.digest}`).slice(7, 19)],
      [expect.anything(), undefined],
    ]);
    expect(digests(manifests)).toEqual([image.digest]);
    expect(note).toBeUndefined();
  });

  test("an index that is here whole stays as it is; a layer of two platforms is sent once", async () => {
    const documents = new Documents();
    const shared = documents.layer("shared");
    const [one, two] = [documents.image(AMD64, [shared]), documents.image(ARM64, [shared, documents.layer("arm")])];
    const index = documents.index(one, two);
    const { blobs, manifests } = await plan(documents, index);
    expect(digests(manifests)).toEqual([one.digest, two.digest, index.digest]);
    expect(blobs.filter(({ descriptor }) => descriptor.digest === shared.digest).length).toBe(1);
    expect(blobs.length).toBe(4);
  });

  test("an index of which a part is missing here, but there already, stays as it is", async () => {
    const documents = new Documents();
    const [one, two] = [documents.image(AMD64, []), documents.image(ARM64, [])];
    const index = documents.index(one, two);
    documents.blobs.delete(two.digest);
    documents.there.add(two.digest);
    expect(digests((await plan(documents, index)).manifests)).toEqual([one.digest, index.digest]);
  });

  test("of an index with one platform here, that image alone is pushed, and it is said", async () => {
    const documents = new Documents();
    const [one, two] = [documents.image(AMD64, []), documents.image(ARM64, [])];
    const index = documents.index(one, two);
    documents.blobs.delete(two.digest);
    const { manifests, note } = await plan(documents, index);
    expect(digests(manifests)).toEqual([one.digest]);
    expect(note).toBe("Not all platforms of app:1 are here: pushing linux/amd64 of linux/amd64, linux/arm64");
  });

  test("of an index with several platforms here, an index of those is pushed, with their attestations", async () => {
    const documents = new Documents();
    const [one, two] = [documents.image(AMD64, []), documents.image(ARM64, [])];
    const s390x = documents.image({ os: "linux", architecture: "s390x" }, []);
    const unknown = { os: "unknown", architecture: "unknown" };
    const attestation = { ...documents.image(unknown, [documents.layer("att")]), platform: unknown };
    const index = documents.index(one, two, s390x, attestation);
    documents.blobs.delete(s390x.digest);
    const { manifests, note } = await plan(documents, index);
    const root = manifests.at(-1);
    const made = JSON.parse(new TextDecoder().decode(root?.bytes)) as ImageIndex;
    expect(made.manifests.map(({ digest }) => digest)).toEqual([one.digest, two.digest, attestation.digest]);
    expect(root?.descriptor.digest).not.toBe(index.digest);
    expect(note).toContain("pushing linux/amd64, linux/arm64 of linux/amd64, linux/arm64, linux/s390x");
  });

  test("one platform is pushed as an image of its own", async () => {
    const documents = new Documents();
    const [one, two] = [documents.image(AMD64, []), documents.image(ARM64, [])];
    const index = documents.index(one, two);
    expect(digests((await plan(documents, index, { platform: ARM64 })).manifests)).toEqual([two.digest]);
    const missing = plan(documents, one, { platform: ARM64 });
    expect(await missing.then(String, formatError)).toBe(
      "image with reference app:1 was found but does not provide the specified platform (linux/arm64)",
    );
  });

  test("layers that have another place need not be here, all others must", async () => {
    const documents = new Documents();
    const foreign = documents.layer("foreign", {
      mediaType: MEDIA_TYPES.dockerForeignLayer,
      urls: ["https://example.com/layer"],
    });
    const own = documents.layer("own");
    const image = documents.image(AMD64, [foreign, own]);
    documents.blobs.delete(foreign.digest);
    expect((await plan(documents, image)).blobs.map(({ isForeign }) => isForeign)).toEqual([false, true, false]);
    documents.blobs.delete(own.digest);
    expect(await plan(documents, image).then(String, formatError)).toContain(
      "cannot push app:1: some of its content is not here",
    );
  });
});
