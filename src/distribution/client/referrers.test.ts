import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { FakeRegistry, refuse } from "../../../test/support/fake-registry.ts";
import { FakeUploads } from "../../../test/support/fake-uploads.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { parseReference } from "../../oci/reference.ts";
import { referrersTag } from "./referrers.ts";
import { RegistryClient } from "./registry-client.ts";

let registry: FakeRegistry;
let uploads: FakeUploads;
const subject: Descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf("subject"), size: 7 };
const config = { mediaType: MEDIA_TYPES.ociEmpty, digest: digestOf("{}"), size: 2 };

beforeEach(async () => {
  registry = await FakeRegistry.start();
  uploads = new FakeUploads(registry);
});

afterEach(() => registry[Symbol.dispose]());

const client = (): RegistryClient =>
  new RegistryClient({ host: registry.host, isInsecure: true, now: () => 0, retryDelaysMs: [] });

function signature(artifactType: string, annotations: Record<string, string> = {}): Uint8Array {
  const document = { schemaVersion: 2, artifactType, config, layers: [], subject, annotations };
  return new TextEncoder().encode(JSON.stringify(document));
}

async function put(bytes: Uint8Array): Promise<Descriptor> {
  const reference = parseReference(`${registry.host}/app@${digestOf(bytes)}`);
  return await client().putManifest(reference, { bytes, mediaType: MEDIA_TYPES.ociManifest });
}

describe("referrers", () => {
  test("are kept by the tag schema where the registry takes no note of the subject, once each", async () => {
    const one = await put(signature("application/vnd.one", { k: "v" }));
    const two = await put(signature("application/vnd.two"));
    await put(signature("application/vnd.two"));
    expect(registry.manifests.has(`app:${referrersTag(subject.digest)}`)).toBe(true);
    const listed = await client().referrers("app", subject.digest);
    expect(listed).toEqual([
      { ...one, artifactType: "application/vnd.one", annotations: { k: "v" } },
      { ...two, artifactType: "application/vnd.two", annotations: {} },
    ]);
    const filtered = await client().referrers("app", subject.digest, { artifactType: "application/vnd.two" });
    expect(filtered.map(({ digest }) => digest)).toEqual([two.digest]);
  });

  test("are the registry's to list where it takes note of the subject", async () => {
    uploads.knowsSubjects = true;
    await put(signature("application/vnd.one"));
    expect(registry.manifests.has(`app:${referrersTag(subject.digest)}`)).toBe(false);
    expect(await client().referrers("app", subject.digest)).toEqual([]);
  });

  test("come in pages, filtered here where the registry does not", async () => {
    const entry = (name: string, artifactType: string) => ({ ...subject, digest: digestOf(name), artifactType });
    registry.intercept = (request, response) => {
      const url = new URL(request.url ?? "", "http://x");
      if (!url.pathname.includes("/referrers/")) return false;
      const isLast = url.searchParams.has("last");
      if (!isLast) response.setHeader("link", `<${url.pathname}?last=1>; rel="next"`);
      const manifests = isLast ? [entry("c", "a/b")] : [entry("a", "a/b"), entry("b", "x/y")];
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }));
      return true;
    };
    const listed = await client().referrers("app", subject.digest, { artifactType: "a/b" });
    expect(listed.map(({ digest }) => digest)).toEqual([digestOf("a"), digestOf("c")]);
    expect(registry.requests.at(-2)).toBe(`GET /v2/app/referrers/${subject.digest}?artifactType=a%2Fb`);
  });

  test("of a registry whose pages lead in a circle, or to another host, are an error", async () => {
    let link = "";
    registry.intercept = (request, response) => {
      if (!request.url?.includes("/referrers/")) return false;
      response.setHeader("link", link);
      response.end(JSON.stringify({ schemaVersion: 2, manifests: [] }));
      return true;
    };
    link = `</v2/app/referrers/${subject.digest}>; rel="next"`;
    expect(await client().referrers("app", subject.digest).then(String, formatError)).toContain("lead in a circle");
    link = '<http://evil.example/x>; rel="next"';
    expect(await client().referrers("app", subject.digest).then(String, formatError)).toContain("at another host");
  });

  test("without an end are an error, before they fill the memory", async () => {
    let page = 0;
    const entries = Array.from({ length: 10_000 }, (_, index) => ({ ...subject, digest: digestOf(String(index)) }));
    const body = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: entries });
    registry.intercept = (request, response) => {
      if (!request.url?.includes("/referrers/")) return false;
      page += 1;
      response.setHeader("link", `</v2/app/referrers/${subject.digest}?last=${page}>; rel="next"`);
      response.end(body);
      return true;
    };
    expect(await client().referrers("app", subject.digest).then(String, formatError)).toContain("longer than");
    expect(page).toBe(6);
  });

  test("that may not be read are an error, not an empty list", async () => {
    registry.intercept = (_request, response) => {
      refuse(response, 403, "DENIED", "no");
      return true;
    };
    await expect(client().referrers("app", subject.digest)).rejects.toMatchObject({ code: "permission-denied" });
  });
});

describe("putManifest", () => {
  test("stores the bytes as they are, and refuses those that are not what their digest says", async () => {
    const bytes = new TextEncoder().encode(`{"schemaVersion":2, "config":${JSON.stringify(config)},"layers":[]}`);
    const mediaType = MEDIA_TYPES.ociManifest;
    const stored = await client().putManifest(parseReference(`${registry.host}/app:1`), { bytes, mediaType });
    expect(stored).toEqual({ mediaType, digest: digestOf(bytes), size: bytes.byteLength });
    expect(registry.manifests.get("app:1")?.bytes).toEqual(Buffer.from(bytes));
    const other = parseReference(`${registry.host}/app@${digestOf("other")}`);
    await expect(client().putManifest(other, { bytes, mediaType })).rejects.toMatchObject({ code: "data-loss" });
  });

  test("a registry that stored something else is not believed", async () => {
    registry.intercept = (request, response) => {
      if (request.method !== "PUT") return false;
      response.writeHead(201, { "docker-content-digest": digestOf("something else") }).end();
      return true;
    };
    const reference = parseReference(`${registry.host}/app:1`);
    const put = client().putManifest(reference, { bytes: Buffer.from("{}"), mediaType: MEDIA_TYPES.ociManifest });
    expect(await put.then(String, formatError)).toContain(`as ${digestOf("something else")} instead of`);
  });
});

describe("tags", () => {
  async function all(names: AsyncIterable<string>): Promise<string[]> {
    const found: string[] = [];
    for await (const name of names) found.push(name);
    return found;
  }

  test("come in pages", async () => {
    registry.intercept = (request, response) => {
      const url = new URL(request.url ?? "", "http://x");
      if (url.pathname !== "/v2/app/tags/list") return false;
      const last = url.searchParams.get("last");
      if (last === null) response.setHeader("link", '</v2/app/tags/list?last=b&n=2>; rel="next"');
      response.end(JSON.stringify({ name: "app", tags: last === null ? ["a", "b"] : ["c"] }));
      return true;
    };
    expect(await all(client().tags("app"))).toEqual(["a", "b", "c"]);
  });

  test("a repository without tags has none; what is no list is told", async () => {
    let answer = '{"name":"app","tags":null}';
    registry.intercept = (request, response) => {
      if (!request.url?.includes("/tags/list")) return false;
      response.end(answer);
      return true;
    };
    expect(await all(client().tags("app"))).toEqual([]);
    answer = '{"tags":[1]}';
    expect(await all(client().tags("app")).then(String, formatError)).toContain("it is no list of names");
  });
});
