import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { formatError } from "../../src/errors/gantry-error.ts";
import type { ProgressEvent } from "../../src/image/progress-event.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { skipReason } from "../support/command.ts";
import { FakeRegistry, refuse } from "../support/fake-registry.ts";
import { openTestStore, type TestStore, testConnections } from "../support/image-store.ts";
import { makeTar } from "../support/layers.ts";

const skip = skipReason({ root: true });
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("pull through mirrors", () => {
  let store: TestStore;
  let registry: FakeRegistry;
  let mirror: FakeRegistry;
  const bytes = makeTar([{ type: "file", path: "hostname", content: Buffer.alloc(200_000, "x") }]);
  const layer = { bytes, diffId: digestOf(bytes), mediaType: MEDIA_TYPES.ociLayer };

  beforeEach(async () => {
    store = await openTestStore();
    registry = await FakeRegistry.start();
    mirror = await FakeRegistry.start();
  });

  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    registry[Symbol.dispose]();
    mirror[Symbol.dispose]();
  });

  async function pull(events: ProgressEvent[] = [], mirrorHost = mirror.host) {
    const mirrors = [{ location: `${mirrorHost}/copy`, isInsecure: true, pulls: "all" as const }];
    const entry = { prefix: registry.host, isInsecure: true, isBlocked: false, mirrors };
    const registries = testConnections({ defaultRegistry: "docker.io", registries: [entry] });
    return await store
      .puller({ registries })
      .pull(`${registry.host}/app:1`, { onProgress: (event) => events.push(event) });
  }

  test("takes all of it from the mirror, and names it as if it were from the registry", async () => {
    mirror.addImage("copy/app:1", [layer]);
    const { target } = await pull();
    expect(registry.requests).toEqual([]);
    expect(store.content.names.list().map(({ name }) => name)).toEqual([
      `${registry.host}/app:1`,
      `${registry.host}/app@${target.digest}`,
    ]);
  });

  test("a mirror that does not have it, is not there, or is broken, is passed over and named", async () => {
    registry.addImage("app:1", [layer]);
    const events: ProgressEvent[] = [];
    await pull(events);
    const [first] = events.filter(({ status }) => status.startsWith("Going on without"));
    expect(first?.status).toContain(`Going on without a mirror: manifest for ${mirror.host}/copy/app:1 not found`);
    expect((await pull(events, "127.0.0.1:1")).status).toBe("up-to-date");
    expect(events.some(({ status }) => status.includes("127.0.0.1:1: connection refused"))).toBe(true);
  });

  test("a layer that the mirror breaks off comes from the registry", async () => {
    registry.addImage("app:1", [layer]);
    mirror.addImage("copy/app:1", [layer]);
    mirror.intercept = (request, response) => {
      if (!request.url?.includes(layer.diffId)) return false;
      response.setHeader("content-length", bytes.byteLength);
      response.write(bytes.subarray(0, 1000), () => setTimeout(() => request.socket.destroy(), 10));
      return true;
    };
    await pull();
    expect(registry.requests.filter((line) => line.includes("/blobs/"))).toContain(`GET /v2/app/blobs/${layer.diffId}`);
  });

  test("a mirror that gives other bytes than it should is passed over", async () => {
    registry.addImage("app:1", [layer]);
    mirror.addImage("copy/app:1", [layer]);
    mirror.blobs.set(layer.diffId, Buffer.alloc(bytes.byteLength));
    const events: ProgressEvent[] = [];
    await pull(events);
    expect(events.some(({ status }) => status.startsWith("Going on without a mirror"))).toBe(true);
    expect(store.leftovers()).toEqual([]);
  });

  test("when all fail, what the registry itself says is told", async () => {
    registry.intercept = (_request, response) => {
      refuse(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
      return true;
    };
    expect(await pull().then(String, formatError)).toBe(
      `repository ${registry.host}/app not found: name unknown: repository name not known to registry`,
    );
  });
});
