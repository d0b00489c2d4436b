import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { FakeRegistry, refuse } from "../../../test/support/fake-registry.ts";
import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { parseReference } from "../../oci/reference.ts";
import { RegistryClient, type RegistryClientOptions } from "./registry-client.ts";

let registry: FakeRegistry;
let elsewhere: FakeRegistry;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  elsewhere = await FakeRegistry.start();
});

afterEach(() => {
  registry[Symbol.dispose]();
  elsewhere[Symbol.dispose]();
});

function client(options: Partial<RegistryClientOptions> = {}): RegistryClient {
  const quick = { stallTimeoutMs: 200, responseTimeoutMs: 2000, retryDelaysMs: [1, 1, 1] };
  return new RegistryClient({
    host: registry.host,
    isInsecure: true,
    now: () => 1_700_000_000_000,
    ...quick,
    ...options,
  });
}

const reference = (text: string) => parseReference(`${registry.host}/${text}`);

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return isGantryError(error) ? `${error.code}: ${formatError(error)}` : `not ours: ${error}`;
  }
  return "no failure";
}

const bytes = randomBytes(300_000);

async function download(using: RegistryClient = client(), size = bytes.byteLength): Promise<Buffer> {
  const descriptor = { ...registry.addBlob(bytes, MEDIA_TYPES.ociLayer), size };
  return collect(await using.openBlob("app", descriptor));
}

describe("resolve", () => {
  test("gets a manifest by tag and by digest", async () => {
    const { manifest } = registry.addImage("app:1", []);
    const byTag = await client().resolve(reference("app:1"));
    expect(byTag.descriptor).toEqual(manifest);
    expect(byTag.document.kind).toBe("manifest");
    expect((await client().resolve(reference(`app@${manifest.digest}`))).bytes).toEqual(byTag.bytes);
  });

  test("says in Docker's words what is not there", async () => {
    expect(await failureOf(client().resolve(reference("app:2")))).toBe(
      `not-found: manifest for ${registry.host}/app:2 not found: manifest unknown: manifest unknown`,
    );
    registry.intercept = (_request, response) => {
      refuse(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
      return true;
    };
    expect(await failureOf(client().resolve(reference("app")))).toBe(
      `not-found: repository ${registry.host}/app not found: name unknown: repository name not known to registry`,
    );
    registry.intercept = (_request, response) => {
      refuse(response, 403, "DENIED", "requested access to the resource is denied");
      return true;
    };
    expect(await failureOf(client().resolve(reference("app")))).toBe(
      `not-found: pull access denied for ${registry.host}/app, repository does not exist or may require 'docker login': ` +
        "denied: requested access to the resource is denied",
    );
  });

  test("a manifest that is not what its digest says is refused", async () => {
    const { manifest } = registry.addImage("app:1", []);
    registry.manifests.set(`app@${manifest.digest}`, { bytes: Buffer.from("{}"), mediaType: MEDIA_TYPES.ociManifest });
    expect(await failureOf(client().resolve(reference(`app@${manifest.digest}`)))).toContain(
      `data-loss: registry ${registry.host} sent a wrong manifest for`,
    );
  });

  test("a manifest without end is cut off", async () => {
    registry.intercept = (request, response) => {
      if (!request.url?.includes("manifests")) return false;
      const timer = setInterval(() => response.write(Buffer.alloc(1 << 20)), 1);
      response.on("close", () => clearInterval(timer));
      return true;
    };
    expect(await failureOf(client().resolve(reference("app")))).toContain("is larger than 4194304 bytes");
  });

  test("control characters in a registry's message do not reach the terminal", async () => {
    registry.intercept = (_request, response) => {
      refuse(response, 400, "UNSUPPORTED", "a\u001b[2Jb\r\nc\u202e");
      return true;
    };
    expect(await failureOf(client().resolve(reference("app")))).toBe(
      `unavailable: cannot get the manifest of ${registry.host}/app:latest: unsupported: a [2Jb c`,
    );
  });
});

describe("what fails in passing", () => {
  test("is tried again: 503, 429 with Retry-After, a broken connection", async () => {
    registry.addImage("app:1", []);
    let count = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.includes("manifests")) return false;
      count++;
      if (count === 1) refuse(response, 503, "UNAVAILABLE", "later");
      if (count === 2) {
        response.setHeader("retry-after", "0");
        refuse(response, 429, "TOOMANYREQUESTS", "slow down");
      }
      if (count === 3) request.socket.destroy();
      return count <= 3;
    };
    expect((await client().resolve(reference("app:1"))).document.kind).toBe("manifest");
    expect(count).toBe(4);
  });

  test("is told when it lasts", async () => {
    registry.intercept = (_request, response) => {
      response.setHeader("retry-after", "86400");
      refuse(response, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.");
      return true;
    };
    expect(await failureOf(client().resolve(reference("app")))).toBe(
      `exhausted: cannot get the manifest of ${registry.host}/app:latest: toomanyrequests: You have reached your pull rate limit.`,
    );
    expect(registry.requests.filter((request) => request.includes("manifests")).length).toBe(1);
  });

  test("nobody there, a name that does not exist, silence", async () => {
    const unreachable = "127.0.0.1:1";
    expect(await failureOf(client({ host: unreachable }).resolve(reference("app")))).toBe(
      `unavailable: cannot reach registry ${unreachable}: connection refused (is it running, and the port right?)`,
    );
    // A busy host may take its time to say that there is no such name.
    const nameless = client({ host: "no-such-host.invalid", responseTimeoutMs: 20_000, retryDelaysMs: [] });
    expect(await failureOf(nameless.resolve(reference("app")))).toMatch(
      /^unavailable: cannot reach registry no-such-host\.invalid: (no such host|its name cannot be resolved now)/,
    );
    registry.intercept = () => true;
    expect(await failureOf(client({ responseTimeoutMs: 100, retryDelaysMs: [] }).resolve(reference("app")))).toBe(
      `unavailable: registry ${registry.host} did not answer within 0.1 s`,
    );
  }, 60_000);

  test("a registry of plain HTTP that is not listed as insecure is not used", async () => {
    expect(await failureOf(client({ isInsecure: false, retryDelaysMs: [] }).resolve(reference("app")))).toContain(
      "it does not speak HTTPS (for plain HTTP set `insecure = true` for it in registries.toml)",
    );
    expect(registry.requests).toEqual([]);
  });

  test("is called off by the signal", async () => {
    registry.intercept = () => true;
    const controller = new AbortController();
    const work = failureOf(client().resolve(reference("app"), { signal: controller.signal }));
    controller.abort();
    expect(await work).toStartWith("cancelled: request to registry");
  });
});

describe("openBlob", () => {
  test("gives the bytes, and from an offset", async () => {
    expect(await download()).toEqual(bytes);
    const descriptor = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    expect(await collect(await client().openBlob("app", descriptor, { offset: 299_990 }))).toEqual(
      bytes.subarray(299_990),
    );
  });

  test("a connection reset in the middle is resumed where it broke", async () => {
    const ranges: (string | undefined)[] = [];
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      ranges.push(request.headers.range);
      if (ranges.length > 1) return false;
      response.setHeader("content-length", bytes.byteLength);
      response.write(bytes.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    expect(await download()).toEqual(bytes);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
  });

  test("wherever the connection breaks, each byte comes once", async () => {
    const short = bytes.subarray(0, 40);
    const descriptor = registry.addBlob(short, MEDIA_TYPES.ociLayer);
    for (let position = 0; position <= short.byteLength; position++) {
      let count = 0;
      registry.intercept = (request, response) => {
        if (!request.url?.includes("blobs") || count++ > 0) return false;
        response.writeHead(200, { "content-length": short.byteLength });
        if (position === 0) response.flushHeaders();
        response.write(short.subarray(0, position), () => setTimeout(() => request.socket.destroy(), 5));
        return true;
      };
      expect(await collect(await client().openBlob("app", descriptor))).toEqual(short);
    }
  });

  test("a server that ignores Range is read again from the start", async () => {
    let count = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.setHeader("content-length", bytes.byteLength);
      if (count++ > 0) response.end(bytes);
      else response.write(bytes.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    expect(await download()).toEqual(bytes);
  });

  test("a server that resumes at another place is not believed", async () => {
    let count = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      if (count++ > 0) {
        response.writeHead(206, { "content-range": `bytes 5-${bytes.byteLength - 1}/${bytes.byteLength}` });
        response.end(bytes.subarray(5));
        return true;
      }
      response.setHeader("content-length", bytes.byteLength);
      response.write(bytes.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    expect(await failureOf(download())).toContain("was resumed at a place that was not asked for");
  });

  test("a truncated layer is told after the tries to resume it", async () => {
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.end(bytes.subarray(0, 1000));
      return true;
    };
    expect(await failureOf(download())).toMatch(
      /^data-loss: blob sha256:\w+ from 127\.0\.0\.1:\d+ ended after 1000 of 300000 bytes, again after trying to resume/,
    );
  });

  test("a layer longer than its manifest says is cut off", async () => {
    expect(await failureOf(download(client(), 1000))).toContain("is longer than the 1000 bytes that its manifest says");
  });

  test("a registry that stalls in the middle gets one new connection, then one sentence", async () => {
    let count = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      count++;
      response.setHeader("content-length", bytes.byteLength);
      response.write(bytes.subarray(0, 1000));
      return true;
    };
    expect(await failureOf(download())).toMatch(/^unavailable: blob \S+ from \S+ stalled: no byte for 0\.2 s$/);
    expect(count).toBe(2);
  });

  test("what is not there is said before the stream", async () => {
    const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf("gone"), size: 4 };
    expect(await failureOf(client().openBlob("app", descriptor))).toBe(
      `not-found: cannot get blob ${descriptor.digest} from ${registry.host}: blob unknown: blob unknown to registry`,
    );
  });

  test("a consumer that stops early closes the connection", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const endless = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf("endless"), size: 1e12 };
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.setHeader("content-length", endless.size);
      const fill = (): void => {
        while (response.write(Buffer.alloc(65536)));
      };
      response.on("drain", fill);
      response.on("close", resolve);
      fill();
      return true;
    };
    for await (const _chunk of await client().openBlob("app", endless)) break;
    await promise;
  });
});

describe("redirects", () => {
  test("are followed to another host, without the credentials", async () => {
    const descriptor = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    elsewhere.blobs.set(descriptor.digest, bytes);
    const seen: (string | undefined)[] = [];
    elsewhere.intercept = (request) => {
      seen.push(request.headers.authorization);
      return false;
    };
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      if (request.headers.authorization === undefined) {
        response.setHeader("www-authenticate", 'Basic realm="x"');
        refuse(response, 401, "UNAUTHORIZED", "who are you");
      } else {
        response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` });
        response.end();
      }
      return true;
    };
    const credentials = { kind: "password", username: "u", password: "p" } as const;
    expect(await download(client({ credentials }))).toEqual(bytes);
    expect(seen).toEqual([undefined]);
  });

  test("a host that is redirected to cannot ask for the credentials", async () => {
    elsewhere.intercept = (_request, response) => {
      response.setHeader("www-authenticate", 'Basic realm="gimme"');
      refuse(response, 401, "UNAUTHORIZED", "gimme");
      return true;
    };
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.writeHead(302, { location: `http://${elsewhere.host}/steal` });
      response.end();
      return true;
    };
    const credentials = { kind: "password", username: "u", password: "p" } as const;
    expect(await failureOf(download(client({ credentials })))).toContain("unauthorized: gimme");
    expect(elsewhere.requests).toEqual(["GET /steal"]);
  });

  test.each(["file:///etc/passwd", "data:,x", "http://u:p@127.0.0.1/", "http://[bad"])(
    "to %s are refused",
    async (location) => {
      registry.intercept = (request, response) => {
        if (!request.url?.includes("blobs")) return false;
        response.writeHead(302, { location });
        response.end();
        return true;
      };
      expect(await failureOf(download())).toMatch(/^unavailable: registry \S+ redirects to /);
    },
  );

  test("in a circle end", async () => {
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.writeHead(302, { location: request.url });
      response.end();
      return true;
    };
    expect(await failureOf(download())).toContain("redirects more than 10 times");
  });
});

describe("authentication", () => {
  function requireToken(token: string, scheme: "Bearer" | "Basic" = "Bearer"): void {
    registry.intercept = (request, response) => {
      if (!request.url?.startsWith("/v2/app/")) return false;
      if (request.headers.authorization === `${scheme} ${token}`) return false;
      const realm = `http://${elsewhere.host}/token`;
      const challenge = `Bearer realm="${realm}",service="svc",scope="repository:other:push,delete"`;
      response.setHeader("www-authenticate", scheme === "Bearer" ? challenge : 'Basic realm="r"');
      refuse(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    };
  }

  function serveToken(answer: object, status = 200): { seen: { url: string; authorization?: string; body: string }[] } {
    const seen: { url: string; authorization?: string; body: string }[] = [];
    elsewhere.intercept = (request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        const { authorization } = request.headers;
        seen.push({ url: request.url ?? "", body, ...(authorization === undefined ? {} : { authorization }) });
        response.statusCode = status;
        response.end(JSON.stringify(answer));
      });
      return true;
    };
    return { seen };
  }

  test("an anonymous token is fetched once, for our own scope and no wider one", async () => {
    registry.addImage("app:1", []);
    requireToken("tok");
    const { seen } = serveToken({ token: "tok", expires_in: 300 });
    const one = client();
    await one.resolve(reference("app:1"));
    await one.resolve(reference("app:1"));
    expect(seen).toEqual([{ url: "/token?service=svc&scope=repository%3Aapp%3Apull", body: "" }]);
  });

  test("a token that has ended is fetched anew", async () => {
    registry.addImage("app:1", []);
    requireToken("tok");
    const { seen } = serveToken({ access_token: "tok", expires_in: 300 });
    let now = 0;
    const one = client({ now: () => now });
    await one.resolve(reference("app:1"));
    now += 300_000;
    await one.resolve(reference("app:1"));
    expect(seen.length).toBe(2);
  });

  test("a password goes to the token server, an identity token is exchanged there", async () => {
    registry.addImage("app:1", []);
    requireToken("tok");
    const { seen } = serveToken({ token: "tok" });
    await client({ credentials: { kind: "password", username: "u", password: "p:ä" } }).resolve(reference("app:1"));
    await client({ credentials: { kind: "identity-token", token: "refresh" } }).resolve(reference("app:1"));
    expect(seen).toEqual([
      {
        url: "/token?service=svc&scope=repository%3Aapp%3Apull&account=u",
        body: "",
        authorization: `Basic ${Buffer.from("u:p:ä").toString("base64")}`,
      },
      {
        url: "/token",
        body: "service=svc&scope=repository%3Aapp%3Apull&grant_type=refresh_token&refresh_token=refresh&client_id=gantry",
      },
    ]);
  });

  test("Basic, and a registry token as it is", async () => {
    registry.addImage("app:1", []);
    requireToken(Buffer.from("u:p").toString("base64"), "Basic");
    await client({ credentials: { kind: "password", username: "u", password: "p" } }).resolve(reference("app:1"));
    requireToken("given");
    await client({ credentials: { kind: "registry-token", token: "given" } }).resolve(reference("app:1"));
  });

  test("no credentials, wrong credentials, a token server without token", async () => {
    requireToken("tok");
    serveToken({ details: "incorrect username or password" }, 401);
    expect(await failureOf(client().resolve(reference("app:1")))).toBe(
      `not-found: pull access denied for ${registry.host}/app, repository does not exist or may require 'docker login': ` +
        "unauthorized: authentication required",
    );
    const credentials = { kind: "password", username: "u", password: "wrong" } as const;
    expect(await failureOf(client({ credentials }).resolve(reference("app:1")))).toBe(
      `permission-denied: registry ${registry.host} refuses the credentials: incorrect username or password (\`gantry login ${registry.host}\` asks for name and password anew)`,
    );
    serveToken({ token: "a\r\nx-evil: 1" });
    expect(await failureOf(client().resolve(reference("app:1")))).toContain("answered without one");
  });

  test.each(["file:///etc/shadow", "nowhere"])("a realm of %s is refused", async (realm) => {
    registry.intercept = (request, response) => {
      if (!request.url?.startsWith("/v2/app/")) return false;
      response.setHeader("www-authenticate", `Bearer realm="${realm}"`);
      refuse(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    };
    expect(await failureOf(client().resolve(reference("app:1")))).toContain(`asks to authenticate at "${realm}"`);
  });
});
