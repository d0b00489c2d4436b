import { describe, expect, test } from "bun:test";
import { ManifestFixture } from "../../../../test/support/manifest-fixture.ts";
import {
  describeBytes,
  encodeManifest,
  makeImage,
  type PushedManifest,
  pushBlob,
  putManifest,
  refusal,
} from "../../../../test/support/push-content.ts";
import { rawRequest } from "../../../../test/support/raw-http.ts";
import { digestOf } from "../../../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../../oci/media-types.ts";

const fixture = ManifestFixture.forThisFile();

describe("a manifest", () => {
  test("is pushed and pulled by tag and by digest, byte for byte", async () => {
    const image = await makeImage(fixture.repository);
    await fixture.expectStored(await putManifest(fixture.repository, "by-tag", image), image);
    await fixture.expectPulled("by-tag", image);
    await fixture.expectPulled(image.digest, image);
    await fixture.expectPulled(encodeURIComponent(image.digest), image);
    const other = await makeImage(fixture.repository, ["another layer"]);
    await fixture.expectStored(await putManifest(fixture.repository, other.digest, other), other);
    await fixture.expectPulled(other.digest, other);
    // Odd spaces and the order of fields are part of it.
    const spaced = Buffer.from(`\n  ${Buffer.from(image.bytes).toString()}\n\n`);
    const odd = { bytes: spaced, digest: digestOf(spaced), mediaType: image.mediaType };
    await fixture.expectStored(await putManifest(fixture.repository, "odd", odd), odd);
    await fixture.expectPulled("odd", odd);
  });

  test("pushed again is there once, and a tag goes where it was pushed last", async () => {
    const [first, second] = [
      await makeImage(fixture.repository, ["one"]),
      await makeImage(fixture.repository, ["two"]),
    ];
    for (const image of [first, first, second, first]) {
      await fixture.expectStored(await putManifest(fixture.repository, "moving", image), image);
      await fixture.expectPulled("moving", image);
    }
    await fixture.expectPulled(second.digest, second);
  });

  test("by sha512 is known by that, and as a tag of its own", async () => {
    const image = await makeImage(fixture.repository, ["for sha512"]);
    const digest = digestOf(image.bytes, "sha512");
    const known = { ...image, digest };
    await fixture.expectStored(await putManifest(fixture.repository, digest, image), known);
    await fixture.expectPulled(digest, known);
    expect((await fetch(`${fixture.repository}/manifests/${image.digest}`)).status).toBe(404);
    const tagged = await putManifest(fixture.repository, `${digest}?tag=sha512-tag`, image);
    await fixture.expectStored(tagged, known);
    await fixture.expectPulled("sha512-tag", known);
  });

  test("by digest with tags as parameters gets all of them at once, and says so", async () => {
    const image = await makeImage(fixture.repository, ["many tags"]);
    const response = await putManifest(fixture.repository, `${image.digest}?tag=t1&tag=t2&tag=t3`, image);
    expect(response.headers.get("oci-tag")).toBe("t1, t2, t3");
    await fixture.expectStored(response, image);
    for (const tag of ["t1", "t2", "t3"]) await fixture.expectPulled(tag, image);
    const tagless = await putManifest(fixture.repository, image.digest, image);
    expect(tagless.headers.get("oci-tag")).toBeNull();
  });

  test("gets no tag at all if one of them is none, or if there are too many", async () => {
    const image = await makeImage(fixture.repository, ["bad tags"]);
    const bad = await putManifest(fixture.repository, `${image.digest}?tag=good1&tag=.bad`, image);
    expect(await refusal(bad)).toEqual({ status: 400, codes: ["MANIFEST_INVALID"] });
    const query = Array.from({ length: 101 }, (_, number) => `tag=good${number}`).join("&");
    expect((await putManifest(fixture.repository, `${image.digest}?${query}`, image)).status).toBe(414);
    expect((await fetch(`${fixture.repository}/manifests/good1`)).status).toBe(404);
    expect((await fetch(`${fixture.repository}/manifests/${image.digest}`)).status).toBe(404);
  });

  test("that does not hash to its digest is refused", async () => {
    const image = await makeImage(fixture.repository, ["a wrong digest"]);
    const changed = { ...image, bytes: Buffer.concat([image.bytes, Buffer.from("  ")]) };
    const response = await putManifest(fixture.repository, image.digest, changed);
    expect(await refusal(response)).toEqual({ status: 400, codes: ["DIGEST_INVALID"] });
    const bad = await putManifest(fixture.repository, "sha256:baddigeststring", image);
    expect(await refusal(bad)).toEqual({ status: 400, codes: ["DIGEST_INVALID"] });
    expect((await fetch(`${fixture.repository}/manifests/${image.digest}`)).status).toBe(404);
  });

  test("of just 4 MiB is taken, of one byte more refused with 413, whether its length is said or not", async () => {
    const pad = (size: number): PushedManifest => {
      const document = { schemaVersion: 2, mediaType: "application/vnd.test.large+json", pad: "" };
      const empty = JSON.stringify(document).length;
      return encodeManifest({ ...document, pad: "x".repeat(size - empty) });
    };
    const largest = pad(4 * 1024 * 1024);
    await fixture.expectStored(await putManifest(fixture.repository, "largest", largest), largest);
    await fixture.expectPulled("largest", largest);
    const larger = pad(4 * 1024 * 1024 + 1);
    expect(await refusal(await putManifest(fixture.repository, "larger", larger))).toEqual({
      status: 413,
      codes: ["MANIFEST_INVALID"],
    });
    const streamed = await fetch(`${fixture.repository}/manifests/larger`, {
      method: "PUT",
      body: new Blob([Buffer.from(larger.bytes)]).stream(),
      headers: { "content-type": larger.mediaType },
    });
    expect(await refusal(streamed)).toEqual({ status: 413, codes: ["MANIFEST_INVALID"] });
    expect((await fetch(`${fixture.repository}/manifests/larger`)).status).toBe(404);
  });

  test("whose body is not what was announced is refused, and leaves nothing", async () => {
    const image = await makeImage(fixture.repository, ["a wrong length"]);
    const text = Buffer.from(image.bytes).toString();
    const lines = ["PUT /v2/man/i-fests/manifests/wrong-length HTTP/1.1", "Host: registry"];
    const type = `Content-Type: ${image.mediaType}`;
    const shorter = await rawRequest(
      fixture.registry.port,
      [...lines, type, `Content-Length: ${text.length - 1}`],
      text,
    );
    expect(shorter?.status).toBe(400);
    expect((await fetch(`${fixture.repository}/manifests/wrong-length`)).status).toBe(404);
  });

  test("needs its blobs in the same repository: all that are missing are named", async () => {
    const image = await makeImage(`${fixture.registry.url}/v2/elsewhere`, ["first", "second"]);
    const response = await putManifest(fixture.repository, "missing", image);
    const { errors } = (await response.json()) as { errors: { code: string; detail: { digest: string }[] }[] };
    expect(response.status).toBe(404);
    expect(errors[0]?.code).toBe("MANIFEST_BLOB_UNKNOWN");
    expect(errors[0]?.detail.map(({ digest }) => digest)).toEqual(expect.arrayContaining([digestOf("second")]));
    expect((await fetch(`${fixture.repository}/manifests/missing`)).status).toBe(404);
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "nonsense"],
    ["bytes that are no text", Buffer.from([0x7b, 0xff, 0x7d])],
    ["a list", "[]"],
    ["null", "null"],
    ["neither an image nor an index", JSON.stringify({ schemaVersion: 2 })],
    ["both an image and an index", JSON.stringify({ schemaVersion: 2, config: {}, layers: [], manifests: [] })],
    ["the wrong version", JSON.stringify({ schemaVersion: 3, manifests: [] })],
    ["an entry that is no descriptor", JSON.stringify({ schemaVersion: 2, manifests: [{ digest: "x" }] })],
    ["a negative size", JSON.stringify({ schemaVersion: 2, manifests: [{ digest: digestOf("x"), size: -1 }] })],
    ["Docker's schema 1", JSON.stringify({ schemaVersion: 1, name: "x", tag: "y", fsLayers: [] })],
  ])("of %s is refused as invalid", async (_what, bytes) => {
    const response = await putManifest(fixture.repository, "invalid", { bytes });
    expect(await refusal(response)).toEqual({ status: 400, codes: ["MANIFEST_INVALID"] });
  });

  test.each([
    [MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociIndex],
    [MEDIA_TYPES.ociIndex, MEDIA_TYPES.ociManifest],
    ["application/vnd.other", MEDIA_TYPES.ociManifest],
    ["no media type", undefined],
    ["application/vnd.docker.distribution.manifest.v1+prettyjws", undefined],
  ])("sent as %s that calls itself %s is refused: one text, two meanings (CVE-2021-41190)", async (sent, said) => {
    const document = { schemaVersion: 2, ...(said === undefined ? {} : { mediaType: said }), manifests: [] };
    const response = await putManifest(fixture.repository, "two-meanings", {
      bytes: JSON.stringify(document),
      mediaType: sent,
    });
    expect(await refusal(response)).toEqual({ status: 400, codes: ["MANIFEST_INVALID"] });
  });

  test("is what its fields say where nobody said its type", async () => {
    const index = encodeManifest({ schemaVersion: 2, manifests: [] });
    for (const mediaType of [undefined, "application/json"]) {
      const put = await putManifest(fixture.repository, "untyped", {
        bytes: index.bytes,
        ...(mediaType === undefined ? {} : { mediaType }),
      });
      expect(put.status).toBe(201);
      await fixture.expectPulled("untyped", { ...index, mediaType: MEDIA_TYPES.ociIndex });
    }
  });

  test("pushed again with another type is that from now on, for referrers too", async () => {
    const subject = describeBytes("a subject", MEDIA_TYPES.ociManifest);
    const config = describeBytes("{}", "application/vnd.oci.empty.v1+json");
    await pushBlob(fixture.repository, "{}");
    const artifact = encodeManifest({ schemaVersion: 2, config, layers: [], subject });
    const referrers = async () => {
      const response = await fetch(`${fixture.repository}/referrers/${subject.digest}`);
      return ((await response.json()) as { manifests: { mediaType: string; artifactType?: string }[] }).manifests;
    };
    await putManifest(fixture.repository, "typed", { ...artifact, mediaType: "application/vnd.test.unknown+json" });
    expect(await referrers()).toMatchObject([{ mediaType: "application/vnd.test.unknown+json" }]);
    await putManifest(fixture.repository, "typed", artifact);
    expect(await referrers()).toMatchObject([
      { mediaType: MEDIA_TYPES.ociManifest, artifactType: "application/vnd.oci.empty.v1+json" },
    ]);
  });
});
