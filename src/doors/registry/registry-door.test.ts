import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { OwnRegistry } from "../../../test/support/own-registry.ts";
import { pushBlob, pushImage, refusal } from "../../../test/support/push-content.ts";
import { RawHttp, rawRequest } from "../../../test/support/raw-http.ts";

describe("the registry's door", () => {
  let registry: OwnRegistry;
  beforeAll(async () => {
    registry = await OwnRegistry.start();
  });
  afterAll(async () => {
    expect(registry.warnings).toEqual([]);
    await registry[Symbol.asyncDispose]();
  });

  test.each(["/v2/", "/v2"])("answers a ping at %s, and says which API it is", async (path) => {
    const response = await fetch(`${registry.url}${path}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({});
    expect(response.headers.get("content-type")).toStartWith("application/json");
    expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  });

  test("no response is run by a browser, whatever type its pusher gave it", async () => {
    const repository = `${registry.url}/v2/browser`;
    const html = "<script>alert(1)</script>";
    const digest = await pushBlob(repository, html);
    for (const path of [`blobs/${digest}`, "manifests/none"]) {
      const { headers } = await fetch(`${repository}/${path}`);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
    }
  });

  test.each([
    ["/nothing", 404, "UNSUPPORTED"],
    ["/v1/", 404, "UNSUPPORTED"],
    ["/v2/name", 404, "UNSUPPORTED"],
    ["/v2/name/tags/lists", 404, "UNSUPPORTED"],
    ["/v2/name/uploads/x", 404, "UNSUPPORTED"],
    ["/v2/UPPER/tags/list", 400, "NAME_INVALID"],
    ["/v2/-/tags/list", 400, "NAME_INVALID"],
    ["/v2//tags/list", 400, "NAME_INVALID"],
    [`/v2/${"a".repeat(256)}/tags/list`, 400, "NAME_INVALID"],
    ["/v2/name/manifests/%zz", 400, "NAME_INVALID"],
    ["/v2/name/manifests/.tag", 400, "MANIFEST_INVALID"],
    [`/v2/name/manifests/${"t".repeat(129)}`, 400, "MANIFEST_INVALID"],
    ["/v2/name/manifests/sha256:baddigeststring", 400, "DIGEST_INVALID"],
    ["/v2/name/blobs/sha256:abc", 400, "DIGEST_INVALID"],
    [`/v2/name/blobs/md5:${"0".repeat(32)}`, 400, "DIGEST_INVALID"],
    [`/v2/name/blobs/sha256:${"A".repeat(64)}`, 400, "DIGEST_INVALID"],
    ["/v2/name/referrers/latest", 400, "DIGEST_INVALID"],
    ["/v2/name/tags/list", 404, "NAME_UNKNOWN"],
    ["/v2/name/manifests/latest", 404, "NAME_UNKNOWN"],
    [`/v2/name/manifests/sha256:${"0".repeat(64)}`, 404, "NAME_UNKNOWN"],
    [`/v2/name/blobs/sha256:${"0".repeat(64)}`, 404, "BLOB_UNKNOWN"],
    ["/v2/name/blobs/uploads/unknown", 404, "BLOB_UPLOAD_UNKNOWN"],
    ["/v2/name/blobs/uploads/00000000-0000-0000-0000-000000000000", 404, "BLOB_UPLOAD_UNKNOWN"],
    ["/v2/_catalog?n=x", 400, "UNSUPPORTED"],
  ])("GET %s is refused with %d and %s", async (path, status, code) => {
    const response = await fetch(`${registry.url}${path}`);
    expect(response.headers.get("content-type")).toStartWith("application/json");
    expect(await refusal(response)).toEqual({ status, codes: [code] });
  });

  test("HEAD of whatever can be read has the headers of GET, and no body", async () => {
    const repository = `${registry.url}/v2/heads`;
    const blob = await pushBlob(repository, "a blob to look at");
    const { digest } = await pushImage(repository, "latest");
    const paths = [
      "/v2/",
      "/v2/_catalog",
      "/v2/heads/tags/list",
      "/v2/heads/manifests/latest",
      `/v2/heads/manifests/${digest}`,
      `/v2/heads/blobs/${blob}`,
      `/v2/heads/referrers/${digest}`,
      "/v2/heads/manifests/none",
      `/v2/heads/blobs/sha256:${"0".repeat(64)}`,
    ];
    for (const path of paths) {
      const get = await rawRequest(registry.port, [`GET ${path} HTTP/1.1`, "Host: registry"]);
      using connection = await RawHttp.open(registry.port);
      await connection.write(`HEAD ${path} HTTP/1.1\r\nHost: registry\r\n\r\n`);
      const head = await connection.read({ isHead: true });
      const { date: _get, ...expected } = get?.headers ?? {};
      const { date: _head, ...found } = head?.headers ?? {};
      expect({ path, status: head?.status, headers: found }).toEqual({ path, status: get?.status, headers: expected });
      // What follows would be a body.
      await connection.write("GET /v2/ HTTP/1.1\r\nHost: registry\r\n\r\n");
      expect((await connection.read())?.status).toBe(200);
    }
  });

  test.each([
    ["/v2/", "POST", "GET, HEAD"],
    ["/v2/_catalog", "DELETE", "GET, HEAD"],
    ["/v2/name/tags/list", "PUT", "GET, HEAD"],
    ["/v2/name/manifests/latest", "POST", "GET, HEAD, PUT, DELETE"],
    ["/v2/name/manifests/latest", "PATCH", "GET, HEAD, PUT, DELETE"],
    [`/v2/name/blobs/sha256:${"0".repeat(64)}`, "PUT", "GET, HEAD, DELETE"],
    ["/v2/name/blobs/uploads/", "GET", "POST"],
    ["/v2/name/blobs/uploads/", "HEAD", "POST"],
    ["/v2/name/blobs/uploads/00000000-0000-0000-0000-000000000000", "POST", "GET, HEAD, PATCH, PUT, DELETE"],
    [`/v2/name/referrers/sha256:${"0".repeat(64)}`, "DELETE", "GET, HEAD"],
    ["/v2/", "OPTIONS", "GET, HEAD"],
  ])("%s has no %s: 405 says what it has", async (path, method, allowed) => {
    const response = await fetch(`${registry.url}${path}`, { method });
    expect({ status: response.status, allow: response.headers.get("allow") }).toEqual({ status: 405, allow: allowed });
    if (method !== "HEAD") expect((await refusal(response)).codes).toEqual(["UNSUPPORTED"]);
  });

  test("paths with percent signs mean what they encode", async () => {
    const repository = `${registry.url}/v2/percent/signs`;
    const digest = await pushBlob(repository, "a blob of an odd client");
    const encoded = encodeURIComponent(digest);
    expect(encoded).not.toBe(digest);
    for (const name of ["percent/signs", "percent%2Fsigns", "%70ercent/signs"]) {
      const response = await fetch(`${registry.url}/v2/${name}/blobs/${encoded}`);
      expect(await response.text()).toBe("a blob of an odd client");
    }
  });

  test("requests that come before the answers are answered in their order", async () => {
    const repository = `${registry.url}/v2/pipeline`;
    const blobs = await Promise.all(["one", "two", "three"].map((text) => pushBlob(repository, text)));
    using connection = await RawHttp.open(registry.port);
    const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: registry\r\n\r\n`;
    await connection.write(
      [...blobs.map((digest) => request(`/v2/pipeline/blobs/${digest}`)), request("/v2/pipeline/tags/list")].join(""),
    );
    const bodies: string[] = [];
    for (let count = 0; count < 4; count++) bodies.push((await connection.read())?.body.toString() ?? "nothing");
    expect(bodies.slice(0, 3)).toEqual(["one", "two", "three"]);
    expect(JSON.parse(bodies[3] ?? "")).toEqual({ name: "pipeline", tags: [] });
  });

  test.each([
    ["POST", "/v2/unread/blobs/uploads/", 202],
    ["GET", "/v2/", 200],
    ["DELETE", "/v2/unread/manifests/x", 404],
    ["PUT", "/v2/unread/blobs/uploads/unknown?digest=none", 400],
    ["PUT", "/v2/UNREAD/manifests/x", 400],
    ["PUT", "/v2/unread/manifests/x", 413],
  ])("the body of %s %s, which nobody reads, is not taken for the next request", async (method, path, status) => {
    const body = "GET /v2/_catalog HTTP/1.1\r\nHost: smuggled\r\n\r\n".padEnd(5_000_000, "x");
    const forms = [
      [`Content-Length: ${body.length}`, body],
      ["Transfer-Encoding: chunked", `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
    ] as const;
    for (const [header, sent] of forms) {
      using connection = await RawHttp.open(registry.port);
      await connection.write(`${method} ${path} HTTP/1.1\r\nHost: registry\r\n${header}\r\n\r\n`);
      await connection.write(sent);
      await connection.write("GET /v2/next/tags/list HTTP/1.1\r\nHost: registry\r\n\r\n");
      expect((await connection.read())?.status).toBe(status);
      expect((await connection.read())?.body.toString()).toContain("NAME_UNKNOWN");
    }
  });

  test("a client that waits for a word before it sends gets it", async () => {
    using connection = await RawHttp.open(registry.port);
    const manifest = "{}";
    await connection.write(
      `PUT /v2/expect/manifests/x HTTP/1.1\r\nHost: registry\r\nContent-Length: ${manifest.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect((await connection.read())?.status).toBe(100);
    await connection.write(manifest);
    expect((await connection.read())?.status).toBe(400);
  });

  test.each(["[", "a%zz", "registry:99999999", "a\r\nHost: b", "registry/v2", "user@registry"])(
    "a Host that is none (%p) is refused",
    async (host) => {
      const response = await rawRequest(registry.port, ["GET /v2/ HTTP/1.1", `Host: ${host}`]);
      expect(response?.status).toBe(400);
      expect(JSON.parse(response?.body.toString() ?? "")).toMatchObject({ errors: [{ code: "UNSUPPORTED" }] });
    },
  );

  test("HTTP/1.0 without a Host is served", async () => {
    expect((await rawRequest(registry.port, ["GET /v2/ HTTP/1.0"]))?.status).toBe(200);
  });

  test.each([
    ["both lengths", ["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"],
    ["two lengths", ["Content-Length: 5", "Content-Length: 6"], "hello!"],
    ["a negative length", ["Content-Length: -5"], "hello"],
    ["a length that is no number", ["Content-Length: 5x"], "hello"],
    ["a chunk whose size is no number", ["Transfer-Encoding: chunked"], "zz\r\nhello\r\n0\r\n\r\n"],
    ["an unknown encoding", ["Transfer-Encoding: gzip"], "hello"],
  ])("a request with %s is refused, and nothing after it is read (request smuggling)", async (_what, lines, body) => {
    using connection = await RawHttp.open(registry.port);
    const smuggled = "GET /v2/_catalog HTTP/1.1\r\nHost: registry\r\n\r\n";
    await connection.write(
      `${["PUT /v2/smuggled/manifests/x HTTP/1.1", "Host: registry", ...lines].join("\r\n")}\r\n\r\n${body}${smuggled}`,
    );
    const all = (await connection.readToEnd()).toString();
    expect(all.match(/^HTTP\/1\.1 \d+/gm) ?? []).toEqual(["HTTP/1.1 400"]);
  });
});
