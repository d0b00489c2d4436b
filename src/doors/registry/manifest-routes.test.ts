import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { OwnRegistry } from "../../../test/support/own-registry.ts";
import {
  describeBytes,
  encodeManifest,
  makeImage,
  type PushedManifest,
  pushBlob,
  pushImage,
  putManifest,
  refusal,
} from "../../../test/support/push-content.ts";
import { rawRequest } from "../../../test/support/raw-http.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";

let registry: OwnRegistry;
let repository: string;
beforeAll(async () => {
  registry = await OwnRegistry.start();
  repository = `${registry.url}/v2/man/i-fests`;
});
afterAll(async () => {
  expect(registry.warnings).toEqual([]);
  await registry[Symbol.asyncDispose]();
});

async function expectStored(response: Response, { digest }: PushedManifest): Promise<void> {
  expect({
    status: response.status,
    body: await response.text(),
    location: response.headers.get("location"),
    digest: response.headers.get("docker-content-digest"),
  }).toEqual({ status: 201, body: "", location: `/v2/man/i-fests/manifests/${digest}`, digest });
}

async function expectPulled(reference: string, { bytes, digest, mediaType }: PushedManifest): Promise<void> {
  const expected = { type: mediaType, length: String(bytes.length), digest, etag: `"${digest}"` };
  for (const method of ["GET", "HEAD"]) {
    const response = await fetch(`${repository}/manifests/${reference}`, { method });
    const { headers } = response;
    expect(response.status).toBe(200);
    expect({
      type: headers.get("content-type"),
      length: headers.get("content-length"),
      digest: headers.get("docker-content-digest"),
      etag: headers.get("etag"),
    }).toEqual(expected);
    const body = Buffer.from(await response.arrayBuffer());
    expect(body.equals(method === "GET" ? bytes : Buffer.alloc(0))).toBe(true);
  }
}

describe("a manifest", () => {
  test("is pushed and pulled by tag and by digest, byte for byte", async () => {
    const image = await makeImage(repository);
    await expectStored(await putManifest(repository, "by-tag", image), image);
    await expectPulled("by-tag", image);
    await expectPulled(image.digest, image);
    await expectPulled(encodeURIComponent(image.digest), image);
    const other = await makeImage(repository, ["another layer"]);
    await expectStored(await putManifest(repository, other.digest, other), other);
    await expectPulled(other.digest, other);
    // Odd spaces and the order of fields are part of it.
    const spaced = Buffer.from(`\n  ${Buffer.from(image.bytes).toString()}\n\n`);
    const odd = { bytes: spaced, digest: digestOf(spaced), mediaType: image.mediaType };
    await expectStored(await putManifest(repository, "odd", odd), odd);
    await expectPulled("odd", odd);
  });

  test("pushed again is there once, and a tag goes where it was pushed last", async () => {
    const [first, second] = [await makeImage(repository, ["one"]), await makeImage(repository, ["two"])];
    for (const image of [first, first, second, first]) {
      await expectStored(await putManifest(repository, "moving", image), image);
      await expectPulled("moving", image);
    }
    await expectPulled(second.digest, second);
  });

  test("by sha512 is known by that, and as a tag of its own", async () => {
    const image = await makeImage(repository, ["for sha512"]);
    const digest = digestOf(image.bytes, "sha512");
    const known = { ...image, digest };
    await expectStored(await putManifest(repository, digest, image), known);
    await expectPulled(digest, known);
    expect((await fetch(`${repository}/manifests/${image.digest}`)).status).toBe(404);
    const tagged = await putManifest(repository, `${digest}?tag=sha512-tag`, image);
    await expectStored(tagged, known);
    await expectPulled("sha512-tag", known);
  });

  test("by digest with tags as parameters gets all of them at once, and says so", async () => {
    const image = await makeImage(repository, ["many tags"]);
    const response = await putManifest(repository, `${image.digest}?tag=t1&tag=t2&tag=t3`, image);
    expect(response.headers.get("oci-tag")).toBe("t1, t2, t3");
    await expectStored(response, image);
    for (const tag of ["t1", "t2", "t3"]) await expectPulled(tag, image);
    const tagless = await putManifest(repository, image.digest, image);
    expect(tagless.headers.get("oci-tag")).toBeNull();
  });

  test("gets no tag at all if one of them is none, or if there are too many", async () => {
    const image = await makeImage(repository, ["bad tags"]);
    const bad = await putManifest(repository, `${image.digest}?tag=good1&tag=.bad`, image);
    expect(await refusal(bad)).toEqual({ status: 400, codes: ["MANIFEST_INVALID"] });
    const query = Array.from({ length: 101 }, (_, number) => `tag=good${number}`).join("&");
    expect((await putManifest(repository, `${image.digest}?${query}`, image)).status).toBe(414);
    expect((await fetch(`${repository}/manifests/good1`)).status).toBe(404);
    expect((await fetch(`${repository}/manifests/${image.digest}`)).status).toBe(404);
  });

  test("that does not hash to its digest is refused", async () => {
    const image = await makeImage(repository, ["a wrong digest"]);
    const changed = { ...image, bytes: Buffer.concat([image.bytes, Buffer.from("  ")]) };
    const response = await putManifest(repository, image.digest, changed);
    expect(await refusal(response)).toEqual({ status: 400, codes: ["DIGEST_INVALID"] });
    const bad = await putManifest(repository, "sha256:baddigeststring", image);
    expect(await refusal(bad)).toEqual({ status: 400, codes: ["DIGEST_INVALID"] });
    expect((await fetch(`${repository}/manifests/${image.digest}`)).status).toBe(404);
  });

  test("of just 4 MiB is taken, of one byte more refused with 413, whether its length is said or not", async () => {
    const pad = (size: number): PushedManifest => {
      const document = { schemaVersion: 2, mediaType: "application/vnd.test.large+json", pad: "" };
      const empty = JSON.stringify(document).length;
      return encodeManifest({ ...document, pad: "x".repeat(size - empty) });
    };
    const largest = pad(4 * 1024 * 1024);
    await expectStored(await putManifest(repository, "largest", largest), largest);
    await expectPulled("largest", largest);
    const larger = pad(4 * 1024 * 1024 + 1);
    expect(await refusal(await putManifest(repository, "larger", larger))).toEqual({
      status: 413,
      codes: ["MANIFEST_INVALID"],
    });
    const streamed = await fetch(`${repository}/manifests/larger`, {
      method: "PUT",
      body: new Blob([Buffer.from(larger.bytes)]).stream(),
      headers: { "content-type": larger.mediaType },
    });
    expect(await refusal(streamed)).toEqual({ status: 413, codes: ["MANIFEST_INVALID"] });
    expect((await fetch(`${repository}/manifests/larger`)).status).toBe(404);
  });

  test("whose body is not what was announced is refused, and leaves nothing", async () => {
    const image = await makeImage(repository, ["a wrong length"]);
    const text = Buffer.from(image.bytes).toString();
    const lines = ["PUT /v2/man/i-fests/manifests/wrong-length HTTP/1.1", "Host: registry"];
    const type = `Content-Type: ${image.mediaType}`;
    const shorter = await rawRequest(registry.port, [...lines, type, `Content-Length: ${text.length - 1}`], text);
    expect(shorter?.status).toBe(400);
    expect((await fetch(`${repository}/manifests/wrong-length`)).status).toBe(404);
  });

  test("needs its blobs in the same repository: all that are missing are named", async () => {
    const image = await makeImage(`${registry.url}/v2/elsewhere`, ["first", "second"]);
    const response = await putManifest(repository, "missing", image);
    const { errors } = (await response.json()) as { errors: { code: string; detail: { digest: string }[] }[] };
    expect(response.status).toBe(404);
    expect(errors[0]?.code).toBe("MANIFEST_BLOB_UNKNOWN");
    expect(errors[0]?.detail.map(({ digest }) => digest)).toEqual(expect.arrayContaining([digestOf("second")]));
    expect((await fetch(`${repository}/manifests/missing`)).status).toBe(404);
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
    const response = await putManifest(repository, "invalid", { bytes });
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
    const response = await putManifest(repository, "two-meanings", {
      bytes: JSON.stringify(document),
      mediaType: sent,
    });
    expect(await refusal(response)).toEqual({ status: 400, codes: ["MANIFEST_INVALID"] });
  });

  test("is what its fields say where nobody said its type", async () => {
    const index = encodeManifest({ schemaVersion: 2, manifests: [] });
    for (const mediaType of [undefined, "application/json"]) {
      const put = await putManifest(repository, "untyped", {
        bytes: index.bytes,
        ...(mediaType === undefined ? {} : { mediaType }),
      });
      expect(put.status).toBe(201);
      await expectPulled("untyped", { ...index, mediaType: MEDIA_TYPES.ociIndex });
    }
  });

  test("pushed again with another type is that from now on, for referrers too", async () => {
    const subject = describeBytes("a subject", MEDIA_TYPES.ociManifest);
    const config = describeBytes("{}", "application/vnd.oci.empty.v1+json");
    await pushBlob(repository, "{}");
    const artifact = encodeManifest({ schemaVersion: 2, config, layers: [], subject });
    const referrers = async () => {
      const response = await fetch(`${repository}/referrers/${subject.digest}`);
      return ((await response.json()) as { manifests: { mediaType: string; artifactType?: string }[] }).manifests;
    };
    await putManifest(repository, "typed", { ...artifact, mediaType: "application/vnd.test.unknown+json" });
    expect(await referrers()).toMatchObject([{ mediaType: "application/vnd.test.unknown+json" }]);
    await putManifest(repository, "typed", artifact);
    expect(await referrers()).toMatchObject([
      { mediaType: MEDIA_TYPES.ociManifest, artifactType: "application/vnd.oci.empty.v1+json" },
    ]);
  });
});

describe("a condition on a manifest", () => {
  test("who has it is told so", async () => {
    const { digest } = await pushImage(repository, "conditional");
    for (const reference of ["conditional", digest]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await fetch(`${repository}/manifests/${reference}`, {
          method,
          headers: { "if-none-match": `"${digest}"` },
        });
        expect({ status: response.status, body: await response.text() }).toEqual({ status: 304, body: "" });
      }
      const changed = await fetch(`${repository}/manifests/${reference}`, { headers: { "if-none-match": '"x"' } });
      expect(changed.status).toBe(200);
      const other = await fetch(`${repository}/manifests/${reference}`, { headers: { "if-match": '"x"' } });
      expect(other.status).toBe(412);
    }
  });

  test("a tag is moved only from where its pusher believes it to be", async () => {
    const [first, second] = [await makeImage(repository, ["c1"]), await makeImage(repository, ["c2"])];
    const put = async (image: PushedManifest, headers: Record<string, string>) =>
      (await putManifest(repository, "guarded", image, headers)).status;
    expect(await put(first, { "if-match": "*" })).toBe(412);
    expect(await put(first, { "if-none-match": "*" })).toBe(201);
    expect(await put(second, { "if-none-match": "*" })).toBe(412);
    expect(await put(second, { "if-match": `"${second.digest}"` })).toBe(412);
    await expectPulled("guarded", first);
    expect(await put(second, { "if-match": `"${first.digest}"` })).toBe(201);
    await expectPulled("guarded", second);
    const remove = (ifMatch: string) =>
      fetch(`${repository}/manifests/guarded`, { method: "DELETE", headers: { "if-match": ifMatch } });
    expect((await remove(`"${first.digest}"`)).status).toBe(412);
    expect((await remove(`"${second.digest}"`)).status).toBe(202);
  });

  test("of many who move a tag from the same place one does", async () => {
    const images = await Promise.all(Array.from({ length: 8 }, (_, n) => makeImage(repository, [`racer ${n}`])));
    const statuses = await Promise.all(
      images.map(async (image) => (await putManifest(repository, "race", image, { "if-none-match": "*" })).status),
    );
    expect(statuses.toSorted()).toEqual([201, 412, 412, 412, 412, 412, 412, 412]);
  });

  test("by digest holds for that manifest", async () => {
    const image = await makeImage(repository, ["by digest"]);
    const put = async (headers: Record<string, string>) =>
      (await putManifest(repository, image.digest, image, headers)).status;
    expect(await put({ "if-none-match": "*" })).toBe(201);
    expect(await put({ "if-none-match": "*" })).toBe(412);
    expect(await put({ "if-match": `"${image.digest}"` })).toBe(201);
  });
});

describe("what is deleted", () => {
  test("a tag goes alone; its manifest and its other tags stay", async () => {
    const image = await pushImage(repository, "going");
    await putManifest(repository, "staying", image);
    const deleted = await fetch(`${repository}/manifests/going`, { method: "DELETE" });
    expect({ status: deleted.status, body: await deleted.text() }).toEqual({ status: 202, body: "" });
    expect((await fetch(`${repository}/manifests/going`, { method: "HEAD" })).status).toBe(404);
    await expectPulled("staying", image);
    const again = await fetch(`${repository}/manifests/going`, { method: "DELETE" });
    expect(await refusal(again)).toEqual({ status: 404, codes: ["MANIFEST_UNKNOWN"] });
  });

  test("a manifest takes its tags along, and leaves those of other repositories", async () => {
    const image = await pushImage(repository, "doomed");
    const elsewhere = `${registry.url}/v2/else/where`;
    const layers = ["a layer of doomed"];
    expect((await makeImage(elsewhere, layers)).digest).toBe(image.digest);
    expect((await putManifest(elsewhere, "kept", image)).status).toBe(201);
    expect((await fetch(`${repository}/manifests/${image.digest}`, { method: "DELETE" })).status).toBe(202);
    for (const reference of ["doomed", image.digest]) {
      expect((await fetch(`${repository}/manifests/${reference}`, { method: "HEAD" })).status).toBe(404);
    }
    expect((await fetch(`${elsewhere}/manifests/kept`)).status).toBe(200);
    const again = await fetch(`${repository}/manifests/${image.digest}`, { method: "DELETE" });
    expect(await refusal(again)).toEqual({ status: 404, codes: ["MANIFEST_UNKNOWN"] });
  });

  test.each([`sha256:${"0".repeat(64)}`, "no-such-tag"])("%s of a repository that is not there", async (reference) => {
    const response = await fetch(`${registry.url}/v2/nobody/manifests/${reference}`, { method: "DELETE" });
    expect(await refusal(response)).toEqual({ status: 404, codes: ["NAME_UNKNOWN"] });
  });
});

describe("each kind of content", () => {
  const layer = "application/vnd.oci.image.layer.v1.tar+gzip";
  const empty = describeBytes("{}", "application/vnd.oci.empty.v1+json");
  beforeAll(() => pushBlob(repository, "{}"));

  /** Pushes and pulls by digest, and by a tag. */
  async function travels(document: object, algorithm: "sha256" | "sha512" = "sha256"): Promise<PushedManifest> {
    const manifest = encodeManifest(document, algorithm);
    await expectStored(await putManifest(repository, manifest.digest, manifest), manifest);
    await expectPulled(manifest.digest, manifest);
    if (algorithm === "sha256") {
      await expectStored(await putManifest(repository, "kind", manifest), manifest);
      await expectPulled("kind", manifest);
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
    const images = await Promise.all(["amd64", "arm64"].map((name) => pushImage(repository, `platform-${name}`)));
    const platforms = images.map((image, n) =>
      entry(image, { platform: { os: "linux", architecture: ["amd64", "arm64"][n] } }),
    );
    const inner = await travels(index(platforms));
    await travels(index([entry(inner)]));
    await travels(index([]));
  });

  test("an index whose entries are not there is refused; with blobs as entries it is BuildKit's cache", async () => {
    const missing = encodeManifest(index([describeBytes("not pushed", MEDIA_TYPES.ociManifest)]));
    const refused = await putManifest(repository, missing.digest, missing);
    expect(await refusal(refused)).toEqual({ status: 404, codes: ["MANIFEST_BLOB_UNKNOWN"] });
    await pushBlob(repository, "a cached layer");
    await travels(index([describeBytes("a cached layer", layer), empty]));
  });

  test("an artifact, one without layers, an index with an artifact's type", async () => {
    await travels(artifact());
    await travels(artifact({ layers: [] }));
    await travels(index([], { artifactType: "application/vnd.test.thing" }));
  });

  test("a manifest with a subject, there or not: the answer says it", async () => {
    const image = await pushImage(repository, "subject");
    for (const subject of [entry(image), describeBytes("nothing", MEDIA_TYPES.ociManifest)]) {
      for (const document of [artifact({ subject }), index([], { subject })]) {
        const manifest = encodeManifest(document);
        const response = await putManifest(repository, manifest.digest, manifest);
        expect(response.headers.get("oci-subject")).toBe(subject.digest);
        await expectStored(response, manifest);
      }
    }
    expect((await putManifest(repository, "subject", image)).headers.get("oci-subject")).toBeNull();
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
    await expectStored(await putManifest(repository, "xml", text), text);
    await expectPulled("xml", text);
  });

  test("an index and all below it by sha512", async () => {
    const image = encodeManifest(artifact({ annotations: { by: "sha512" } }), "sha512");
    await expectStored(await putManifest(repository, image.digest, image), image);
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

test("what was refused has left nothing", () => {
  expect(readdirSync(join(registry.root, "content/ingest"))).toEqual([]);
  const rows = registry.state.db.query<{ digest: string }, []>("SELECT digest FROM blobs").all();
  expect(rows.length).toBeGreaterThan(0);
  expect(registry.stored().toSorted()).toEqual(rows.map((row) => row.digest).toSorted());
});
