import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { OwnRegistry } from "../../../../test/support/own-registry.ts";
import { pushBlob, putManifest, refusal } from "../../../../test/support/push-content.ts";
import type { Digest } from "../../../oci/digest.ts";
import { digestOf } from "../../../oci/hash-digest.ts";

describe.each(["sha256", "sha512"] as const)("a blob by %s", (algorithm) => {
  let registry: OwnRegistry;
  let repository: string;
  let digest: Digest;
  let url: string;
  const bytes = randomBytes(2048);
  beforeAll(async () => {
    registry = await OwnRegistry.start();
    repository = `${registry.url}/v2/group/blobs-of-a-test`;
    digest = await pushBlob(repository, bytes, algorithm);
    url = `${repository}/blobs/${digest}`;
  });
  afterAll(async () => {
    expect(registry.warnings).toEqual([]);
    await registry[Symbol.asyncDispose]();
  });

  test("is read as it was pushed, with its length and its digest", async () => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    const { headers } = response;
    expect({
      length: headers.get("content-length"),
      type: headers.get("content-type"),
      digest: headers.get("docker-content-digest"),
      tag: headers.get("etag"),
      ranges: headers.get("accept-ranges"),
      disposition: headers.get("content-disposition"),
    }).toEqual({
      length: "2048",
      type: "application/octet-stream",
      digest,
      tag: `"${digest}"`,
      ranges: "bytes",
      disposition: "attachment",
    });
  });

  test("that is large says its length as well, whole and in part", async () => {
    const large = randomBytes(1_000_000);
    const target = `${repository}/blobs/${await pushBlob(repository, large, algorithm)}`;
    for (const [range, start, end] of [
      [undefined, 0, 1_000_000],
      ["bytes=100-899999", 100, 900_000],
    ] as const) {
      const response = await fetch(target, range === undefined ? {} : { headers: { range } });
      expect(response.headers.get("content-length")).toBe(String(end - start));
      expect(Buffer.from(await response.arrayBuffer()).equals(large.subarray(start, end))).toBe(true);
    }
  });

  test.each([
    ["bytes=500-1499", 500, 1499],
    ["bytes=500-", 500, 2047],
    ["bytes=-500", 1548, 2047],
    ["bytes=-5000", 0, 2047],
    ["bytes=2000-5000", 2000, 2047],
    ["bytes=0-0", 0, 0],
    ["bytes=2047-2047", 2047, 2047],
    ["bytes=0-99999999999999999999999", 0, 2047],
  ])("is read in part: %s", async (range, start, end) => {
    const response = await fetch(url, { headers: { range } });
    const part = Buffer.from(await response.arrayBuffer());
    expect({
      status: response.status,
      range: response.headers.get("content-range"),
      length: response.headers.get("content-length"),
      isRight: part.equals(bytes.subarray(start, end + 1)),
    }).toEqual({
      status: 206,
      range: `bytes ${start}-${end}/2048`,
      length: String(end - start + 1),
      isRight: true,
    });
    const head = await fetch(url, { method: "HEAD", headers: { range } });
    expect(head.status).toBe(206);
    expect(head.headers.get("content-length")).toBe(String(end - start + 1));
  });

  test.each(["bytes=500-0", "bytes=2048-", "bytes=5000-10000", "bytes=-0", `bytes=${"9".repeat(400)}-`])(
    "has nothing at %s: 416 says how long it is",
    async (range) => {
      const response = await fetch(url, { headers: { range } });
      expect(response.status).toBe(416);
      expect(response.headers.get("content-range")).toBe("bytes */2048");
      expect(await response.text()).toBe("");
    },
  );

  test.each(["bytes=0-1,5-6", "pages=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes", "bytes=1--2"])(
    "is sent whole where a range is none of ours: %s",
    async (range) => {
      const response = await fetch(url, { headers: { range } });
      expect(response.status).toBe(200);
      expect((await response.arrayBuffer()).byteLength).toBe(2048);
    },
  );

  test("a part is sent if the condition holds that it is the same, else the whole", async () => {
    const other = digestOf("other bytes");
    for (const [ifRange, status] of [
      [`"${digest}"`, 206],
      [`"${other}"`, 200],
      [`W/"${digest}"`, 200],
      ["Sat, 28 Nov 2026 15:00:00 GMT", 200],
    ] as const) {
      const response = await fetch(url, { headers: { range: "bytes=1-2", "if-range": ifRange } });
      expect({ ifRange, status: response.status }).toEqual({ ifRange, status });
      await response.arrayBuffer();
    }
  });

  test("who has it is told so in place of it", async () => {
    for (const tag of [`"${digest}"`, `W/"${digest}"`, `"x", "${digest}"`, "*", digest]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await fetch(url, { method, headers: { "if-none-match": tag } });
        expect({ tag, status: response.status, etag: response.headers.get("etag") }).toEqual({
          tag,
          status: 304,
          etag: `"${digest}"`,
        });
        expect(await response.text()).toBe("");
      }
    }
    expect((await fetch(url, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
  });

  test("who wants it only if it is something else gets 412", async () => {
    expect((await fetch(url, { headers: { "if-match": `"${digest}"` } })).status).toBe(200);
    expect((await fetch(url, { headers: { "if-match": "*" } })).status).toBe(200);
    expect((await fetch(url, { headers: { "if-match": '"other"' } })).status).toBe(412);
  });

  test("is not read through a repository that does not hold it", async () => {
    const elsewhere = `${registry.url}/v2/group/other`;
    await pushBlob(elsewhere, "something else");
    for (const name of ["other", "nobody"]) {
      const response = await fetch(`${registry.url}/v2/group/${name}/blobs/${digest}`);
      expect(await refusal(response)).toEqual({ status: 404, codes: ["BLOB_UNKNOWN"] });
    }
  });

  test("is gone from one repository when it is deleted there, and stays in others", async () => {
    const elsewhere = `${registry.url}/v2/keeper`;
    const shared = await pushBlob(repository, "held twice", algorithm);
    expect(await pushBlob(elsewhere, "held twice", algorithm)).toBe(shared);
    const deleted = await fetch(`${repository}/blobs/${shared}`, { method: "DELETE" });
    expect({ status: deleted.status, body: await deleted.text() }).toEqual({ status: 202, body: "" });
    expect((await fetch(`${repository}/blobs/${shared}`, { method: "HEAD" })).status).toBe(404);
    expect(await (await fetch(`${elsewhere}/blobs/${shared}`)).text()).toBe("held twice");
    const again = await fetch(`${repository}/blobs/${shared}`, { method: "DELETE" });
    expect(await refusal(again)).toEqual({ status: 404, codes: ["BLOB_UNKNOWN"] });
  });

  test.each(["", "{}"])("may have the bytes %p", async (content) => {
    const known = await pushBlob(repository, content, algorithm);
    const response = await fetch(`${repository}/blobs/${known}`);
    expect({ length: response.headers.get("content-length"), body: await response.text() }).toEqual({
      length: String(content.length),
      body: content,
    });
    const range = await fetch(`${repository}/blobs/${known}`, { headers: { range: "bytes=0-" } });
    expect(range.status).toBe(content === "" ? 416 : 206);
    await range.arrayBuffer();
  });

  test("a manifest is no blob, and a blob no manifest", async () => {
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: "application/x-thing" });
    const name = digestOf(manifest, algorithm);
    const put = await putManifest(repository, name, { bytes: manifest, mediaType: "application/x-thing" });
    expect(put.status).toBe(201);
    expect((await fetch(`${repository}/blobs/${name}`)).status).toBe(404);
    expect((await fetch(`${repository}/manifests/${digest}`)).status).toBe(404);
  });
});
