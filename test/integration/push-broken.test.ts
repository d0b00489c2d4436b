import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { RemoteRegistryTools } from "../../src/daemon/remote-registry-tools.ts";
import { RegistryClient } from "../../src/distribution/client/registry-client.ts";
import type { BlobContent } from "../../src/distribution/client/upload-blob.ts";
import { digestOf, finishDigest } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { registrySkipReason, startRegistry, type TestRegistry } from "../support/registry.ts";
import { RegistryProcess } from "../support/registry-process.ts";
import { TcpRelay } from "../support/tcp-relay.ts";

const MEGABYTE = 1 << 20;
const bytes = randomBytes(24 * MEGABYTE);
const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: bytes.byteLength };

const clientOf = (host: string): RegistryClient =>
  new RegistryClient({ host, isInsecure: true, now: Date.now, retryDelaysMs: [50, 100, 200, 400, 800, 1600, 3200] });

/** The blob, that notes from where it was read; `onBytes` is told how many were given. */
function contentOf(opened: number[], onBytes: (given: number) => Promise<void>): BlobContent {
  return {
    descriptor,
    async *open(offset) {
      opened.push(offset);
      for (let at = offset; at < bytes.byteLength; at += 65_536) {
        await onBytes(at);
        yield bytes.subarray(at, at + 65_536);
      }
    },
  };
}

async function readBack(host: string, repository: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of await clientOf(host).openBlob(repository, descriptor)) hash.update(chunk);
  return finishDigest(hash);
}

/** Does something once, when so many bytes were given. */
function once(given: number, action: () => Promise<void> | void): (at: number) => Promise<void> {
  let isDone = false;
  return async (at) => {
    if (isDone || at < given) return;
    isDone = true;
    await action();
  };
}

describe("a push to gantry's own registry", () => {
  let registry: RegistryProcess;
  let relay: TcpRelay;

  beforeAll(async () => {
    registry = await RegistryProcess.start();
    relay = await TcpRelay.start(registry.port);
  });

  afterAll(async () => {
    relay?.[Symbol.dispose]();
    await registry?.[Symbol.asyncDispose]();
  });

  test("goes on after a broken connection, from where the registry stands", async () => {
    const opened: number[] = [];
    const content = contentOf(
      opened,
      once(12 * MEGABYTE, () => relay.break()),
    );
    expect(await clientOf(relay.host).pushBlob("team/app", content)).toEqual({ status: "uploaded" });
    expect([opened.length, opened[0]]).toEqual([2, 0]);
    expect(opened[1]).toBeGreaterThan(MEGABYTE);
    expect(await readBack(registry.host, "team/app")).toBe(descriptor.digest);
  });

  test("goes on after the registry was killed and started again", async () => {
    const opened: number[] = [];
    const restart = async (): Promise<void> => {
      await registry.down("SIGKILL");
      relay.break();
      setTimeout(async () => {
        await registry.up();
        relay.targetPort = registry.port;
      }, 100);
    };
    const content = contentOf(opened, once(12 * MEGABYTE, restart));
    const client = clientOf(relay.host);
    // Another repository may hold it: that is not to be asked for here.
    expect((await client.pushBlob("killed/app", content)).status).toBe("uploaded");
    expect(opened.length).toBe(2);
    expect(await readBack(registry.host, "killed/app")).toBe(descriptor.digest);
  }, 30_000);
});

const skip = registrySkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("a push to Docker's registry", () => {
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startRegistry();
  });

  afterAll(() => registry?.[Symbol.dispose]());

  test("survives a broken connection, whether the upload can go on or begins anew", async () => {
    using relay = await TcpRelay.start(Number(registry.host.split(":")[1]));
    const opened: number[] = [];
    const content = contentOf(
      opened,
      once(12 * MEGABYTE, () => relay.break()),
    );
    expect(await clientOf(relay.host).pushBlob("team/app", content)).toEqual({ status: "uploaded" });
    expect(opened.length).toBe(2);
    expect(await readBack(registry.host, "team/app")).toBe(descriptor.digest);
  });

  test("referrers of the tag schema become referrers of a registry that lists them, and back", async () => {
    await using own = await RegistryProcess.start();
    const docker = clientOf(registry.host);
    const put = async (content: string, mediaType: string) => {
      const blob = { mediaType, digest: digestOf(content), size: Buffer.byteLength(content) };
      const open = async function* () {
        yield Buffer.from(content);
      };
      await docker.pushBlob("signed", { descriptor: blob, open });
      return blob;
    };
    const rootfs = { type: "layers", diff_ids: [] };
    const config = await put(JSON.stringify({ os: "linux", architecture: "amd64", rootfs }), MEDIA_TYPES.ociConfig);
    const mediaType = MEDIA_TYPES.ociManifest;
    const putManifest = async (name: string, document: object) => {
      const encoded = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
      const at = name === "" ? `@${digestOf(encoded)}` : `:${name}`;
      return await docker.putManifest(parseReference(`${registry.host}/signed${at}`), { bytes: encoded, mediaType });
    };
    const image = await putManifest("1", { config, layers: [] });
    const empty = await put("{}", MEDIA_TYPES.ociEmpty);
    const signature = await putManifest("", { artifactType: "a/sig", config: empty, layers: [empty], subject: image });
    const listed = (host: string, repository: string) => clientOf(host).referrers(repository, image.digest);
    expect((await listed(registry.host, "signed")).map(({ digest }) => digest)).toEqual([signature.digest]);
    const tools = new RemoteRegistryTools({ HOME: registry.directory });
    const there = await tools.copy(`${registry.host}/signed:1`, `${own.host}/signed`, { withReferrers: true });
    expect([there.target.digest, there.referrers]).toEqual([image.digest, 1]);
    expect(await listed(own.host, "signed")).toEqual([{ ...signature, artifactType: "a/sig" }]);
    const tags = await tools.tags(`${own.host}/signed`);
    expect(tags.map(({ tag }) => tag)).toEqual(["1"]);
    const back = await tools.copy(`${own.host}/signed:1`, `${registry.host}/back`, { withReferrers: true });
    expect(back.referrers).toBe(1);
    expect((await listed(registry.host, "back")).map(({ digest }) => digest)).toEqual([signature.digest]);
  }, 30_000);
});
