import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { OwnRegistry } from "../../../../test/support/own-registry.ts";
import {
  describeBytes,
  encodeManifest,
  pushBlob,
  pushImage,
  putManifest,
  refusal,
} from "../../../../test/support/push-content.ts";
import { MEDIA_TYPES } from "../../../oci/media-types.ts";

let registry: OwnRegistry;
let repository: string;
const TAGS = ["latest", "v2", "V10", "v1.0", "_x", "0", "v10", "a-b", "v1"];
const NAMES = ["listed", "a/b", "a", "a-b", "zoo/animals", "a/b/c"];
/** The order of bytes, as the specification wants it ("lexical", or as Go compares strings). */
const byBytes = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right));

beforeAll(async () => {
  registry = await OwnRegistry.start();
  repository = `${registry.url}/v2/listed`;
  const image = await pushImage(repository, "first");
  for (const tag of TAGS) await putManifest(repository, tag, image);
  await fetch(`${repository}/manifests/first`, { method: "DELETE" });
  for (const name of NAMES) await pushImage(`${registry.url}/v2/${name}`, name === "listed" ? "latest" : "only");
});
afterAll(async () => {
  expect(registry.warnings).toEqual([]);
  await registry[Symbol.asyncDispose]();
});

interface Listed {
  readonly [key: string]: unknown;
}

/** The pages of a list, each asked for as the one before says. */
async function pages(path: string): Promise<readonly Listed[]> {
  const found: Listed[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const response: Response = await fetch(`${registry.url}${next}`);
    expect(response.status).toBe(200);
    found.push((await response.json()) as Listed);
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    expect(found.length).toBeLessThan(50);
  }
  return found;
}

describe("tags", () => {
  test("are listed in the order of bytes, on one page if they fit", async () => {
    expect(await pages("/v2/listed/tags/list")).toEqual([{ name: "listed", tags: TAGS.toSorted(byBytes) }]);
  });

  test.each([1, 2, 4, 8, 9, 10, 5000])("come in pages of %d, each once", async (n) => {
    const found = await pages(`/v2/listed/tags/list?n=${n}`);
    expect(found.flatMap((page) => page.tags)).toEqual(TAGS.toSorted(byBytes));
    expect(found.length).toBe(Math.max(1, Math.ceil(TAGS.length / n)));
    for (const page of found) expect((page.tags as string[]).length).toBeLessThanOrEqual(n);
  });

  test("begin behind the last that the client has, whether or not it is there", async () => {
    const sorted = TAGS.toSorted(byBytes);
    for (const last of [...sorted, "", "A", "v1.", "zzz", "ü", "%"]) {
      const [page] = await pages(`/v2/listed/tags/list?last=${encodeURIComponent(last)}`);
      expect({ last, tags: page?.tags }).toEqual({ last, tags: sorted.filter((tag) => byBytes(tag, last) > 0) });
    }
  });

  test("are none where n is 0, and there is no next page", async () => {
    expect(await pages("/v2/listed/tags/list?n=0")).toEqual([{ name: "listed", tags: [] }]);
  });

  test.each(["-1", "x", "1e3", "99999999999", "", "1 "])("are not listed where n is %p", async (n) => {
    const response = await fetch(`${repository}/tags/list?n=${encodeURIComponent(n)}`);
    expect(await refusal(response)).toEqual({ status: 400, codes: ["UNSUPPORTED"] });
  });

  test("of a repository that has only blobs are none; of one that holds nothing there is no list", async () => {
    await pushBlob(`${registry.url}/v2/blobs/only`, "a blob");
    expect(await pages("/v2/blobs/only/tags/list")).toEqual([{ name: "blobs/only", tags: [] }]);
    const response = await fetch(`${registry.url}/v2/nobody/tags/list`);
    expect(await refusal(response)).toEqual({ status: 404, codes: ["NAME_UNKNOWN"] });
  });
});

describe("the catalogue", () => {
  test("names repositories that hold a manifest, in the order of bytes", async () => {
    const expected = NAMES.toSorted(byBytes);
    expect(await pages("/v2/_catalog")).toEqual([{ repositories: expected }]);
    for (const n of [1, 2, 5]) {
      expect((await pages(`/v2/_catalog?n=${n}`)).flatMap((page) => page.repositories)).toEqual(expected);
    }
    const [page] = await pages("/v2/_catalog?last=a-b");
    expect(page?.repositories).toEqual(expected.filter((name) => name > "a-b"));
  });
});

describe("referrers", () => {
  const subject = describeBytes("what is referred to", MEDIA_TYPES.ociManifest);
  const types = ["application/vnd.test.signature", "application/vnd.test.sbom+json"] as const;
  const pushed: { readonly digest: string; readonly artifactType: string }[] = [];

  beforeAll(async () => {
    const config = describeBytes("{}", "application/vnd.oci.empty.v1+json");
    await pushBlob(repository, "{}");
    for (let number = 0; number < 7; number++) {
      const artifactType = types[number % 2] ?? "";
      const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, artifactType, config, layers: [] };
      const manifest = encodeManifest({ ...document, subject, annotations: { number: String(number) } });
      expect((await putManifest(repository, manifest.digest, manifest)).status).toBe(201);
      pushed.push({ digest: manifest.digest, artifactType });
    }
  });

  const digests = (found: readonly Listed[]): readonly string[] =>
    found.flatMap((page) => (page.manifests as { digest: string }[]).map(({ digest }) => digest));

  test("are an index of descriptors, with artifact types and annotations", async () => {
    const response = await fetch(`${repository}/referrers/${subject.digest}`);
    expect(response.headers.get("content-type")).toBe(MEDIA_TYPES.ociIndex);
    expect(response.headers.get("oci-filters-applied")).toBeNull();
    const index = (await response.json()) as { manifests: Listed[] };
    expect(index).toMatchObject({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex });
    expect(index.manifests.length).toBe(7);
    for (const { digest, artifactType } of pushed) {
      const found = index.manifests.find((descriptor) => descriptor.digest === digest);
      const size = (await (await fetch(`${repository}/manifests/${digest}`)).arrayBuffer()).byteLength;
      expect(found).toMatchObject({ mediaType: MEDIA_TYPES.ociManifest, size, artifactType });
      expect(found?.annotations).toMatchObject({ number: expect.any(String) });
    }
  });

  test("are filtered by artifact type, which the answer says", async () => {
    for (const artifactType of types) {
      const query = `artifactType=${encodeURIComponent(artifactType)}`;
      const response = await fetch(`${repository}/referrers/${subject.digest}?${query}`);
      expect(response.headers.get("oci-filters-applied")).toBe("artifactType");
      const expected = pushed.filter((one) => one.artifactType === artifactType).map(({ digest }) => digest);
      expect(digests([(await response.json()) as Listed]).toSorted()).toEqual(expected.toSorted());
      const paged = await pages(`/v2/listed/referrers/${subject.digest}?${query}&n=2`);
      expect(digests(paged).toSorted()).toEqual(expected.toSorted());
      expect(paged.length).toBe(Math.ceil(expected.length / 2));
    }
    const none = await pages(`/v2/listed/referrers/${subject.digest}?artifactType=none`);
    expect(none).toMatchObject([{ manifests: [] }]);
  });

  test.each([1, 3, 7, 100])("come in pages of %d, each once", async (n) => {
    const found = await pages(`/v2/listed/referrers/${subject.digest}?n=${n}`);
    expect(digests(found).toSorted()).toEqual(pushed.map(({ digest }) => digest).toSorted());
    expect(found.length).toBe(Math.ceil(7 / n));
  });

  test("of what nobody refers to, and in repositories that are not there, are an empty index", async () => {
    for (const path of ["listed", "nobody"].map((name) => `/v2/${name}/referrers/${pushed[0]?.digest}`)) {
      expect(await pages(path)).toEqual([{ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] }]);
    }
  });

  test("with large annotations come in pages that clients take", async () => {
    const large = describeBytes("a large subject", MEDIA_TYPES.ociManifest);
    for (let number = 0; number < 3; number++) {
      const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [], subject: large };
      const manifest = encodeManifest({
        ...document,
        annotations: { number: String(number), a: "x".repeat(1_500_000) },
      });
      expect((await putManifest(repository, manifest.digest, manifest)).status).toBe(201);
    }
    const found = await pages(`/v2/listed/referrers/${large.digest}`);
    expect(digests(found).length).toBe(3);
    for (const page of found) expect(JSON.stringify(page).length).toBeLessThan(4 * 1024 * 1024);
  });

  test("go with the manifest that refers", async () => {
    const { digest } = pushed.pop() ?? { digest: "" };
    expect((await fetch(`${repository}/manifests/${digest}`, { method: "DELETE" })).status).toBe(202);
    expect(digests(await pages(`/v2/listed/referrers/${subject.digest}`))).not.toContain(digest);
  });

  test("whose annotations are no object of strings have none", async () => {
    const odd = describeBytes("an odd subject", MEDIA_TYPES.ociManifest);
    for (const annotations of [["a", "b"], { a: 1 }, "text", null]) {
      const manifest = encodeManifest({ mediaType: "application/vnd.test.odd", subject: odd, annotations });
      expect((await putManifest(repository, manifest.digest, manifest)).status).toBe(201);
    }
    const [page] = await pages(`/v2/listed/referrers/${odd.digest}`);
    for (const descriptor of (page?.manifests ?? []) as Listed[]) expect(descriptor).not.toHaveProperty("annotations");
  });
});
