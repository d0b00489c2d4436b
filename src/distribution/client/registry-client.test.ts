import { describe, expect, test } from "bun:test";
import { BLOB, ClientFixture, failureOf } from "../../../test/support/client-fixture.ts";
import { refuse } from "../../../test/support/fake-registry.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";

const fixture = ClientFixture.forEachTest();

test.each([
  [401, "UNAUTHORIZED"],
  [403, "DENIED"],
])("who may not list is told what to do: %i", async (status, code) => {
  fixture.registry.intercept = (_request, response) => {
    refuse(response, status, code, "no");
    return true;
  };
  const why = `${code.toLowerCase()}: no (log in with \`gantry login\`, as somebody who may read there)`;
  const { host } = fixture.registry;
  const subject = digestOf("subject");
  const lists = [
    Array.fromAsync(fixture.client().tags("app")),
    Array.fromAsync(fixture.client().repositories()),
    fixture.client().referrers("app", subject),
  ];
  expect(await Promise.all(lists.map((list) => list.then(String, formatError)))).toEqual([
    `cannot list the tags of ${host}/app: ${why}`,
    `cannot list the catalogue of ${host}: ${why}`,
    `cannot list the referrers of ${subject} from ${host}: ${why}`,
  ]);
});

describe("resolve", () => {
  test("gets a manifest by tag and by digest", async () => {
    const { manifest } = fixture.registry.addImage("app:1", []);
    const byTag = await fixture.client().resolve(fixture.reference("app:1"));
    expect(byTag.descriptor).toEqual(manifest);
    expect(byTag.document.kind).toBe("manifest");
    expect((await fixture.client().resolve(fixture.reference(`app@${manifest.digest}`))).bytes).toEqual(byTag.bytes);
  });

  test("says in Docker's words what is not there", async () => {
    expect(await failureOf(fixture.client().resolve(fixture.reference("app:2")))).toBe(
      `not-found: manifest for ${fixture.registry.host}/app:2 not found: manifest unknown: manifest unknown`,
    );
    fixture.registry.intercept = (_request, response) => {
      refuse(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
      return true;
    };
    expect(await failureOf(fixture.client().resolve(fixture.reference("app")))).toBe(
      `not-found: repository ${fixture.registry.host}/app not found: name unknown: repository name not known to registry`,
    );
    fixture.registry.intercept = (_request, response) => {
      refuse(response, 403, "DENIED", "requested access to the resource is denied");
      return true;
    };
    expect(await failureOf(fixture.client().resolve(fixture.reference("app")))).toBe(
      `not-found: pull access denied for ${fixture.registry.host}/app, repository does not exist or may require 'docker login': ` +
        "denied: requested access to the resource is denied",
    );
  });

  test("a manifest that is not what its digest says is refused", async () => {
    const { manifest } = fixture.registry.addImage("app:1", []);
    fixture.registry.manifests.set(`app@${manifest.digest}`, {
      bytes: Buffer.from("{}"),
      mediaType: MEDIA_TYPES.ociManifest,
    });
    expect(await failureOf(fixture.client().resolve(fixture.reference(`app@${manifest.digest}`)))).toContain(
      `data-loss: registry ${fixture.registry.host} sent a wrong manifest for`,
    );
  });

  test("a manifest without end is cut off", async () => {
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("manifests")) return false;
      const timer = setInterval(() => response.write(Buffer.alloc(1 << 20)), 1);
      response.on("close", () => clearInterval(timer));
      return true;
    };
    expect(await failureOf(fixture.client().resolve(fixture.reference("app")))).toContain(
      "is larger than 4194304 bytes",
    );
  });

  test("control characters in a registry's message do not reach the terminal", async () => {
    fixture.registry.intercept = (_request, response) => {
      refuse(response, 400, "UNSUPPORTED", "a\u001b[2Jb\r\nc\u202e");
      return true;
    };
    expect(await failureOf(fixture.client().resolve(fixture.reference("app")))).toBe(
      `unavailable: cannot get the manifest of ${fixture.registry.host}/app:latest: unsupported: a [2Jb c`,
    );
  });
});

describe("openBlob", () => {
  test("gives the bytes, and from an offset", async () => {
    expect(await fixture.download()).toEqual(BLOB);
    const descriptor = fixture.registry.addBlob(BLOB, MEDIA_TYPES.ociLayer);
    expect(
      Buffer.concat(await Array.fromAsync(await fixture.client().openBlob("app", descriptor, { offset: 299_990 }))),
    ).toEqual(BLOB.subarray(299_990));
  });

  test("a connection reset in the middle is resumed where it broke", async () => {
    const ranges: (string | undefined)[] = [];
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      ranges.push(request.headers.range);
      if (ranges.length > 1) return false;
      response.setHeader("content-length", BLOB.byteLength);
      response.write(BLOB.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    expect(await fixture.download()).toEqual(BLOB);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
  });

  test("wherever the connection breaks, each byte comes once", async () => {
    const short = BLOB.subarray(0, 40);
    const descriptor = fixture.registry.addBlob(short, MEDIA_TYPES.ociLayer);
    for (let position = 0; position <= short.byteLength; position++) {
      let count = 0;
      fixture.registry.intercept = (request, response) => {
        if (!request.url?.includes("blobs") || count++ > 0) return false;
        response.writeHead(200, { "content-length": short.byteLength });
        if (position === 0) response.flushHeaders();
        response.write(short.subarray(0, position), () => setTimeout(() => request.socket.destroy(), 5));
        return true;
      };
      expect(Buffer.concat(await Array.fromAsync(await fixture.client().openBlob("app", descriptor)))).toEqual(short);
    }
  });

  test("a server that ignores Range is read again from the start", async () => {
    let count = 0;
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.setHeader("content-length", BLOB.byteLength);
      if (count++ > 0) response.end(BLOB);
      else response.write(BLOB.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    expect(await fixture.download()).toEqual(BLOB);
  });

  test("a server that resumes at another place is not believed", async () => {
    let count = 0;
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      if (count++ > 0) {
        response.writeHead(206, { "content-range": `BLOB 5-${BLOB.byteLength - 1}/${BLOB.byteLength}` });
        response.end(BLOB.subarray(5));
        return true;
      }
      response.setHeader("content-length", BLOB.byteLength);
      response.write(BLOB.subarray(0, 100_000), () => setTimeout(() => request.socket.destroy(), 20));
      return true;
    };
    expect(await failureOf(fixture.download())).toContain("was resumed at a place that was not asked for");
  });

  test("a truncated layer is told after the tries to resume it", async () => {
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.end(BLOB.subarray(0, 1000));
      return true;
    };
    expect(await failureOf(fixture.download())).toMatch(
      /^data-loss: blob sha256:\w+ from 127\.0\.0\.1:\d+ ended after 1000 of 300000 bytes, again after trying to resume/,
    );
  });

  test("a layer longer than its manifest says is cut off", async () => {
    expect(await failureOf(fixture.download(fixture.client(), 1000))).toContain(
      "is longer than the 1000 bytes that its manifest says",
    );
  });

  test("a registry that stalls in the middle gets one new connection, then one sentence", async () => {
    let count = 0;
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      count++;
      response.setHeader("content-length", BLOB.byteLength);
      response.write(BLOB.subarray(0, 1000));
      return true;
    };
    expect(await failureOf(fixture.download())).toMatch(/^unavailable: blob \S+ from \S+ stalled: no byte for 0\.2 s$/);
    expect(count).toBe(2);
  });

  test("what is not there is said before the stream", async () => {
    const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf("gone"), size: 4 };
    expect(await failureOf(fixture.client().openBlob("app", descriptor))).toBe(
      `not-found: cannot get blob ${descriptor.digest} from ${fixture.registry.host}: blob unknown: blob unknown to registry`,
    );
  });

  test("a consumer that stops early closes the connection", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const endless = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf("endless"), size: 1e12 };
    fixture.registry.intercept = (request, response) => {
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
    for await (const _chunk of await fixture.client().openBlob("app", endless)) break;
    await promise;
  });
});
