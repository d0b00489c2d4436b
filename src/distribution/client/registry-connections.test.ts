import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { FakeRegistry, refuse } from "../../../test/support/fake-registry.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { parseReference } from "../../oci/reference.ts";
import { openFromSources } from "./open-from-sources.ts";
import type { RegistriesConfig } from "./registries.ts";
import { RegistryConnections, type RegistryConnectionsParts } from "./registry-connections.ts";

let registry: FakeRegistry;
let mirror: FakeRegistry;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  mirror = await FakeRegistry.start();
});

afterEach(() => {
  registry[Symbol.dispose]();
  mirror[Symbol.dispose]();
});

function connections(parts: Partial<RegistryConnectionsParts> = {}): RegistryConnections {
  const entry = {
    prefix: registry.host,
    isInsecure: true,
    isBlocked: false,
    mirrors: [{ location: `${mirror.host}/copy`, isInsecure: true, pulls: "all" as const }],
  };
  const config: RegistriesConfig = { defaultRegistry: "docker.io", registries: [entry] };
  const client = { retryDelaysMs: [], responseTimeoutMs: 1000, stallTimeoutMs: 300 };
  return new RegistryConnections({ config: () => config, now: () => 0, client, ...parts });
}

describe("RegistryConnections", () => {
  test("a password goes to the registry that it is for, and to no mirror", async () => {
    const seen: Record<string, (string | undefined)[]> = { registry: [], mirror: [] };
    for (const [name, server] of Object.entries({ registry, mirror })) {
      server.addImage("app:1", []);
      server.addImage("copy/app:1", []);
      server.intercept = (request, response) => {
        seen[name]?.push(request.headers.authorization);
        if (name === "mirror" || request.headers.authorization !== undefined) return false;
        response.setHeader("www-authenticate", 'Basic realm="x"');
        refuse(response, 401, "UNAUTHORIZED", "who are you");
        return true;
      };
    }
    const login = { credentials: { kind: "password", username: "u", password: "p" } } as const;
    const reference = parseReference(`${registry.host}/app:1`);
    for (const source of await connections().sources(reference, login)) await source.client.resolve(source.reference);
    expect(seen).toEqual({ registry: [undefined, "Basic dTpw"], mirror: [undefined] });
  });

  test("a password for another registry than the one that is meant goes nowhere", async () => {
    registry.addImage("app:1", []);
    registry.intercept = (_request, response) => {
      response.setHeader("www-authenticate", 'Basic realm="x"');
      refuse(response, 401, "UNAUTHORIZED", "who are you");
      return true;
    };
    const login = { host: "docker.io", credentials: { kind: "password", username: "u", password: "p" } } as const;
    const reference = parseReference(`${registry.host}/app:1`);
    const { client } = await connections().target(reference, login);
    await client.resolve(reference).catch(() => undefined);
    expect(registry.requests).toEqual(["GET /v2/app/manifests/1"]);
  });

  test("a password goes to its registry in whatever spelling that is named", async () => {
    const seen: (string | undefined)[] = [];
    registry.intercept = (request, response) => {
      seen.push(request.headers.authorization);
      response.setHeader("www-authenticate", 'Basic realm="x"');
      refuse(response, 401, "UNAUTHORIZED", "who are you");
      return true;
    };
    const host = registry.host.toUpperCase().replace(":", ":0");
    const login = { host, credentials: { kind: "password", username: "u", password: "p" } } as const;
    const reference = parseReference(`${registry.host}/app:1`);
    const { client } = await connections().target(reference, login);
    await client.resolve(reference).catch(() => undefined);
    expect(seen).toEqual([undefined, "Basic dTpw"]);
  });

  test("a mirror has the daemon's own credentials", async () => {
    const asked: string[] = [];
    await connections({
      credentials: async (reference) => {
        asked.push(reference.registry);
        return undefined;
      },
    }).sources(parseReference(`${registry.host}/app:1`));
    expect(asked.sort()).toEqual([registry.host, mirror.host].sort());
  });
});

describe("a proxy", () => {
  const meant = "registry.invalid";
  const through = (proxy: string | undefined) => {
    const entry = { prefix: meant, isInsecure: true, isBlocked: false, mirrors: [], ...(proxy ? { proxy } : {}) };
    const config = () => ({ defaultRegistry: "docker.io", registries: [entry] });
    return connections({ config }).target(parseReference(`${meant}/app:1`));
  };

  test("that registries.toml names is gone through, with its user's name", async () => {
    registry.addImage("app:1", []);
    const seen: string[] = [];
    registry.intercept = (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`);
      const { bytes, mediaType } = registry.manifests.get("app:1") ?? { bytes: Buffer.alloc(0), mediaType: "" };
      response.setHeader("content-type", mediaType);
      response.end(bytes);
      return true;
    };
    const { client, reference } = await through(`http://u:p@${registry.host}`);
    expect((await client.resolve(reference)).document.kind).toBe("manifest");
    expect(seen).toEqual([`GET http://${meant}/v2/app/manifests/1 Basic dTpw`]);
  });

  test("of the environment is left aside where `direct` is said", async () => {
    const before = process.env.http_proxy;
    process.env.http_proxy = `http://${registry.host}`;
    try {
      const { client, reference } = await through("direct");
      await client.resolve(reference).catch(() => undefined);
      expect(registry.requests).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
  });
});

describe("openFromSources", () => {
  const bytes = randomBytes(300_000);
  const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: bytes.byteLength };

  async function download(): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    const sources = await connections().sources(parseReference(`${registry.host}/app:1`));
    for await (const chunk of openFromSources(sources, descriptor)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  test("what breaks at the mirror goes on at the registry, from that byte", async () => {
    registry.blobs.set(descriptor.digest, bytes);
    mirror.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.setHeader("content-length", bytes.byteLength);
      response.write(bytes.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    const ranges: (string | undefined)[] = [];
    registry.intercept = (request) => {
      ranges.push(request.headers.range);
      return false;
    };
    expect(await download()).toEqual(bytes);
    expect(ranges).toEqual([expect.stringMatching(/^bytes=\d+-$/)]);
  });

  test("what no source has is told of the registry itself", async () => {
    const failure = await download().then(String, (error) => (isGantryError(error, "not-found") ? error.message : "?"));
    expect(failure).toContain(`from ${registry.host}: blob unknown`);
    expect(mirror.requests.length).toBe(1);
  });
});
