import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { FakeRegistry } from "../../../test/support/fake-registry.ts";
import { FakeUploads } from "../../../test/support/fake-uploads.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { parseReference } from "../../oci/reference.ts";
import { type CopyImageOptions, type CopyProgress, copyImage } from "./copy-image.ts";
import { RegistryClient } from "./registry-client.ts";
import type { RegistrySource } from "./registry-connections.ts";

let source: FakeRegistry;
let target: FakeRegistry;
let uploads: FakeUploads;

beforeEach(async () => {
  source = await FakeRegistry.start();
  target = await FakeRegistry.start();
  uploads = new FakeUploads(target);
});

afterEach(() => {
  source[Symbol.dispose]();
  target[Symbol.dispose]();
});

function at(registry: FakeRegistry, name: string): RegistrySource {
  const client = new RegistryClient({ host: registry.host, isInsecure: true, now: () => 0, retryDelaysMs: [1, 1, 1] });
  return { client, reference: parseReference(`${registry.host}/${name}`), isMirror: false };
}

const layers = [randomBytes(700_000), randomBytes(1000)].map((bytes) => ({ bytes, diffId: digestOf(bytes) }));
const ARM64 = { os: "linux", architecture: "arm64" };

function addIndex(name: string): {
  readonly index: Descriptor;
  readonly amd64: Descriptor;
  readonly arm64: Descriptor;
} {
  const [repository = ""] = name.split(":");
  const [amd64, arm64] = [
    source.addImage(`${repository}:amd64`, layers).manifest,
    source.addImage(`${repository}:arm64`, layers.slice(0, 1), ARM64).manifest,
  ];
  const entries = [
    { ...amd64, platform: { os: "linux", architecture: "amd64" } },
    { ...arm64, platform: ARM64 },
  ];
  const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: entries };
  return { index: source.addManifest(name, document, MEDIA_TYPES.ociIndex), amd64, arm64 };
}

const copy = (options: CopyImageOptions = {}) => copyImage([at(source, "app:1")], at(target, "copy/app:2"), options);

describe("copyImage", () => {
  test("an index and all that it has, each blob once, byte for byte, the tag last", async () => {
    const { index, amd64, arm64 } = addIndex("app:1");
    expect(await copy()).toEqual({ target: index, referrers: 0 });
    for (const digest of [index, amd64, arm64].map((descriptor) => descriptor.digest)) {
      expect(Buffer.from(target.manifests.get(`copy/app@${digest}`)?.bytes ?? [])).toEqual(
        Buffer.from(source.manifests.get(`app@${digest}`)?.bytes ?? []),
      );
    }
    for (const [digest, bytes] of source.blobs) expect(target.blobs.get(digest)).toEqual(Buffer.from(bytes));
    expect(target.requests.at(-1)).toBe("PUT /v2/copy/app/manifests/2");
    expect(target.requests.filter((line) => line.startsWith("POST")).length).toBe(source.blobs.size);
  });

  test("what is there is not sent again", async () => {
    addIndex("app:1");
    await copy();
    source.requests.length = 0;
    await copy();
    expect(source.requests.filter((line) => line.includes("/blobs/"))).toEqual([]);
  });

  test("one platform of an index, as an image of its own", async () => {
    const { index, arm64 } = addIndex("app:1");
    expect((await copy({ platform: ARM64 })).target).toEqual(arm64);
    expect(target.manifests.has(`copy/app@${index.digest}`)).toBe(false);
    const missing = copy({ platform: { os: "linux", architecture: "s390x" } });
    expect(await missing.then(String, formatError)).toContain("no matching manifest for linux/s390x");
  });

  test("breaks on both sides are gone over, from the byte where they were", async () => {
    source.addImage("app:1", layers);
    let isBroken = false;
    source.intercept = (request, response) => {
      if (isBroken || !request.url?.includes(layers[0]?.diffId ?? "")) return false;
      isBroken = true;
      response.setHeader("content-length", layers[0]?.bytes.byteLength ?? 0);
      response.write(layers[0]?.bytes.subarray(0, 300_000), () => setTimeout(() => request.socket.destroy(), 10));
      return true;
    };
    uploads.breaks.push(500_000);
    const progress: CopyProgress[] = [];
    await copy({ onProgress: (event) => progress.push(event) });
    expect(target.blobs.get(layers[0]?.diffId ?? "")).toEqual(layers[0]?.bytes);
    expect(progress.map(({ status }) => status)).toContain("Retrying in 1 s");
    expect(uploads.sent.filter((line) => line.startsWith("PATCH"))).toEqual(["PATCH 0-699999", "PATCH 500000-699999"]);
  });

  test("within one registry blobs are mounted", async () => {
    source.addImage("app:1", layers);
    const own = new FakeUploads(source);
    own.holders.set("app", new Set(source.blobs.keys()));
    const statuses: string[] = [];
    await copyImage([at(source, "app:1")], at(source, "other:1"), {
      onProgress: ({ status }) => statuses.push(status),
    });
    expect(new Set(statuses)).toEqual(new Set(["Mounted from app"]));
    expect(own.sent).toEqual([]);
  });

  test("signatures and what refers to it go along when they are wanted, those under cosign's tags too", async () => {
    const { manifest } = source.addImage("app:1", layers);
    const config = source.addBlob(Buffer.from("{}"), MEDIA_TYPES.ociEmpty);
    const blob = source.addBlob(Buffer.from("signature"), "text/plain");
    const artifact = (extra: object) => ({ schemaVersion: 2, config, layers: [blob], ...extra });
    const signature = source.addManifest("app:x", artifact({ artifactType: "a/sig", subject: manifest }));
    const second = source.addManifest("app:y", artifact({ artifactType: "a/att", subject: signature }));
    const list = (entry: Descriptor) => ({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [entry] });
    source.addManifest(`app:${manifest.digest.replace(":", "-")}`, list(signature), MEDIA_TYPES.ociIndex);
    source.addManifest(`app:${signature.digest.replace(":", "-")}`, list(second), MEDIA_TYPES.ociIndex);
    const cosign = source.addManifest(
      `app:${manifest.digest.replace(":", "-")}.sig`,
      artifact({ annotations: { a: "b" } }),
    );
    expect((await copy()).referrers).toBe(0);
    expect(await copy({ withReferrers: true })).toEqual({ target: manifest, referrers: 3 });
    const { client } = at(target, "copy/app");
    expect((await client.referrers("copy/app", manifest.digest)).map(({ digest }) => digest)).toEqual([
      signature.digest,
    ]);
    expect((await client.referrers("copy/app", signature.digest)).map(({ digest }) => digest)).toEqual([second.digest]);
    const tag = `copy/app:${manifest.digest.replace(":", "-")}.sig`;
    expect(digestOf(target.manifests.get(tag)?.bytes ?? new Uint8Array())).toBe(cosign.digest);
  });

  test("a source that gives other bytes than it should is found out by the target", async () => {
    source.addImage("app:1", layers);
    source.blobs.set(layers[1]?.diffId ?? "", randomBytes(1000));
    expect(await copy().then(String, formatError)).toContain("digest invalid");
    expect(target.manifests.size).toBe(0);
  });

  test("a copy cannot be called by a digest that it does not have", async () => {
    source.addImage("app:1", layers);
    const wrong = at(target, `app@${digestOf("other")}`);
    expect(await copyImage([at(source, "app:1")], wrong).then(String, formatError)).toContain(
      "what is copied has the digest",
    );
  });

  test("who may push and not pull can copy: that the target does not tell what it has is no refusal", async () => {
    const { index } = addIndex("app:1");
    target.intercept = (request, response) => {
      if (request.method !== "HEAD" || request.url?.includes("/manifests/") !== true)
        return uploads.take(request, response);
      response.writeHead(403).end();
      return true;
    };
    expect((await copy()).target).toEqual(index);
  });
});
