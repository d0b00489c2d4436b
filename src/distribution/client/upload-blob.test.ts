import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { FakeRegistry, refuse } from "../../../test/support/fake-registry.ts";
import { FakeUploads } from "../../../test/support/fake-uploads.ts";
import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { RegistryClient } from "./registry-client.ts";
import type { BlobContent } from "./upload-blob.ts";

let registry: FakeRegistry;
let uploads: FakeUploads;
let elsewhere: FakeRegistry;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  elsewhere = await FakeRegistry.start();
  uploads = new FakeUploads(registry);
});

afterEach(() => {
  registry[Symbol.dispose]();
  elsewhere[Symbol.dispose]();
});

const client = (retryDelaysMs: readonly number[] = [1, 1, 1]): RegistryClient =>
  new RegistryClient({ host: registry.host, isInsecure: true, now: () => 0, responseTimeoutMs: 2000, retryDelaysMs });

const large = randomBytes(3_000_000);

function contentOf(bytes: Uint8Array, opened: number[] = []): BlobContent {
  return {
    descriptor: { digest: digestOf(bytes), size: bytes.byteLength },
    async *open(offset) {
      opened.push(offset);
      for (let at = offset; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536);
    },
  };
}

describe("pushBlob", () => {
  test.each([0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3_000_000])("%d bytes arrive", async (size) => {
    const bytes = large.subarray(0, size);
    const progress: number[] = [];
    const done = await client().pushBlob("app", contentOf(bytes), { onProgress: (sent) => progress.push(sent) });
    expect(done).toEqual({ status: "uploaded" });
    expect(registry.blobs.get(digestOf(bytes))).toEqual(Buffer.from(bytes));
    expect(progress.at(-1) ?? 0).toBe(size);
    expect(uploads.open).toBe(0);
  });

  test("what the repository holds is not sent", async () => {
    await client().pushBlob("app", contentOf(large));
    registry.requests.length = 0;
    expect(await client().pushBlob("app", contentOf(large))).toEqual({ status: "exists" });
    expect(registry.requests).toEqual([`HEAD /v2/app/blobs/${digestOf(large)}`]);
  });

  test("what another repository holds is taken from there; uploads begun in vain are cancelled", async () => {
    await client().pushBlob("base", contentOf(large));
    const mountFrom = ["nothing", "base"];
    const done = await client().pushBlob("app", contentOf(large), { mountFrom });
    expect(done).toEqual({ status: "mounted", from: "base" });
    expect(uploads.open).toBe(0);
    expect(await client().pushBlob("third", contentOf(large), { mountFrom: ["nothing"] })).toEqual({
      status: "uploaded",
    });
    expect(uploads.open).toBe(0);
  });

  // Where the connection breaks must not matter: at the first byte, within, at the last one.
  test.each([0, 1, 2, 65_535, 65_536, 65_537, 1_000_000, 2_999_999, 3_000_000])(
    "a connection that breaks after %d bytes is taken up where the registry stands",
    async (limit) => {
      uploads.breaks.push(limit);
      const opened: number[] = [];
      expect(await client().pushBlob("app", contentOf(large, opened))).toEqual({ status: "uploaded" });
      expect(registry.blobs.get(digestOf(large))).toEqual(large);
      // "0-0" is told for no byte and for one: then all of it is sent again.
      const resumed = limit < 2 ? 0 : limit;
      const ranges = resumed === large.byteLength ? ["0"] : ["0", String(resumed)];
      expect(uploads.sent.filter((line) => line.startsWith("PATCH"))).toEqual(
        ranges.map((from) => `PATCH ${from}-${large.byteLength - 1}`),
      );
      expect(opened).toEqual(ranges.map(Number));
    },
  );

  test("an upload that the registry has forgotten begins anew", async () => {
    uploads.isForgetful = true;
    uploads.breaks.push(1_000_000, 2_000_000);
    expect(await client().pushBlob("app", contentOf(large))).toEqual({ status: "uploaded" });
    expect(uploads.sent.filter((line) => line === `PATCH 0-${large.byteLength - 1}`).length).toBe(3);
  });

  test("a connection that breaks and breaks without progress is given up; with progress it goes on", async () => {
    uploads.breaks.push(...Array.from({ length: 20 }, () => 10));
    const failure = await client().pushBlob("app", contentOf(large)).then(String, formatError);
    expect(failure).toContain(`cannot reach registry ${registry.host}: the connection broke`);
    expect(uploads.sent.length).toBe(4);
    uploads.breaks.length = 0;
    uploads.breaks.push(...Array.from({ length: 2 }, () => 1_200_000));
    expect(await client([1]).pushBlob("other", contentOf(large))).toEqual({ status: "uploaded" });
  });

  test("an answer that is lost after the last byte is looked for, not asked for again", async () => {
    registry.intercept = (request, response) => {
      if (request.method !== "PUT") return uploads.take(request, response);
      uploads.holders.set("app", new Set([digestOf(large)]));
      request.socket.destroy();
      return true;
    };
    expect(await client().pushBlob("app", contentOf(large))).toEqual({ status: "uploaded" });
    expect(uploads.sent.length).toBe(1);
  });

  test("content that turns out to be damaged ends the push with its own words, and is not tried again", async () => {
    let opened = 0;
    const damaged: BlobContent = {
      ...contentOf(large),
      async *open() {
        opened++;
        yield large.subarray(0, 100_000);
        throw new GantryError("data-loss", "the layer is damaged");
      },
    };
    const failure = await client().pushBlob("app", damaged).then(String, formatError);
    expect(failure).toBe("the layer is damaged");
    expect(opened).toBe(1);
  });

  test("bytes that are not what they claim are refused by the registry", async () => {
    const wrong = { ...contentOf(large), descriptor: { digest: digestOf("other"), size: large.byteLength } };
    const failure = await client().pushBlob("app", wrong).then(String, formatError);
    expect(failure).toBe(
      `cannot push blob ${digestOf("other")} to ${registry.host}/app: digest invalid: digest did not match`,
    );
  });

  test.each([
    [401, "UNAUTHORIZED", "unauthorized: this client may not push", "log in with"],
    [403, "DENIED", "denied: this client may not push", "if it is about rights: log in with"],
  ])("a refusal says what to do: %i", async (status, code, text, hint) => {
    registry.intercept = (_request, response) => {
      refuse(response, status, code, "this client may not push");
      return true;
    };
    const failure = await client().pushBlob("app", contentOf(large)).then(String, formatError);
    expect(failure).toBe(
      `cannot push blob ${digestOf(large)} to ${registry.host}/app: ${text} ` +
        `(${hint} \`gantry login\`, as somebody who may write there)`,
    );
  });

  test("a refusal in the middle of the body is told, and no more is read", async () => {
    registry.intercept = (request, response) => {
      if (request.method !== "PATCH") return uploads.take(request, response);
      refuse(response, 413, "SIZE_INVALID", "too large");
      return true;
    };
    const failure = await client().pushBlob("app", contentOf(large)).then(String, formatError);
    expect(failure).toContain("size invalid: too large");
  });

  test("an upload goes to another host without the credentials", async () => {
    const seen: (string | undefined)[] = [];
    const other = new FakeUploads(elsewhere);
    elsewhere.intercept = (request, response) => {
      seen.push(request.headers.authorization);
      return other.take(request, response);
    };
    const begun = await fetch(`http://${elsewhere.host}/v2/app/blobs/uploads/`, { method: "POST" });
    const location = `http://${elsewhere.host}${begun.headers.get("location")}`;
    seen.length = 0;
    registry.intercept = (request, response) => {
      if (request.method !== "POST") return uploads.take(request, response);
      if (request.headers.authorization === undefined) {
        response.setHeader("www-authenticate", 'Basic realm="x"');
        refuse(response, 401, "UNAUTHORIZED", "who are you");
      } else response.writeHead(202, { location }).end();
      return true;
    };
    const credentials = { kind: "password", username: "u", password: "p" } as const;
    const one = new RegistryClient({ host: registry.host, isInsecure: true, now: () => 0, credentials });
    expect(await one.pushBlob("app", contentOf(large))).toEqual({ status: "uploaded" });
    expect(seen).toEqual([undefined, undefined]);
  });

  test("a token that ends in the middle of an upload is fetched anew, and the bytes are sent again", async () => {
    let patches = 0;
    registry.intercept = (request, response) => {
      if (request.method !== "PATCH" || patches++ > 0) return uploads.take(request, response);
      response.setHeader("www-authenticate", `Bearer realm="http://${elsewhere.host}/token",service="s"`);
      refuse(response, 401, "UNAUTHORIZED", "token expired");
      return true;
    };
    elsewhere.intercept = (_request, response) => {
      response.end(JSON.stringify({ token: "fresh" }));
      return true;
    };
    expect(await client().pushBlob("app", contentOf(large))).toEqual({ status: "uploaded" });
    expect(elsewhere.requests).toEqual(["GET /token?service=s&scope=repository%3Aapp%3Apull%2Cpush"]);
    expect(registry.blobs.get(digestOf(large))).toEqual(large);
  });
});
