import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runRegistry } from "../../src/daemon/run-registry.ts";

const sha256 = (bytes: Uint8Array | string): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
const IMAGE = "application/vnd.oci.image.manifest.v1+json";
const layer = new Uint8Array(3_000_000).map((_, index) => index % 251);
const config = JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } });

function imageOf(note: string): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: IMAGE,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: sha256(config), size: config.length },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: sha256(layer), size: layer.length }],
    annotations: { note },
  });
}

/** The registry that is copied: one image, and it counts what it is asked for. */
function startUpstream() {
  const state = {
    manifest: imageOf("first"),
    blob: layer as Uint8Array<ArrayBuffer>,
    isDown: false,
    isForbidden: false,
  };
  const asked: string[] = [];
  const held = Promise.withResolvers<void>();
  held.resolve();
  const gate = { open: held.promise };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const path = new URL(request.url).pathname;
      asked.push(`${request.method} ${path}`);
      if (state.isDown) return new Response(null, { status: 503 });
      if (state.isForbidden) return Response.json({ errors: [{ code: "DENIED" }] }, { status: 403 });
      const digest = sha256(state.manifest);
      const headers = { "content-type": IMAGE, "docker-content-digest": digest };
      if (path === "/v2/library/app/manifests/v1" || path === `/v2/library/app/manifests/${digest}`) {
        const length = { "content-length": String(state.manifest.length) };
        return request.method === "HEAD"
          ? new Response(null, { headers: { ...headers, ...length } })
          : new Response(state.manifest, { headers });
      }
      if (path === `/v2/library/app/blobs/${sha256(layer)}`) {
        const bytes = state.blob;
        return new Response(
          new ReadableStream({
            async start(controller) {
              controller.enqueue(bytes.subarray(0, 1_000_000));
              await gate.open;
              controller.enqueue(bytes.subarray(1_000_000));
              controller.close();
            },
          }),
          { headers: { "content-length": String(bytes.length) } },
        );
      }
      if (path === "/v2/library/app/tags/list") return Response.json({ name: "library/app", tags: ["v2", "v1"] });
      if (path.startsWith("/v2/library/app/referrers/")) {
        const manifests = [{ mediaType: IMAGE, digest, size: 2, artifactType: "application/x.signature" }];
        return Response.json(
          { schemaVersion: 2, manifests },
          { headers: { "content-type": "application/vnd.oci.image.index.v1+json" } },
        );
      }
      return Response.json({ errors: [{ code: "MANIFEST_UNKNOWN" }] }, { status: 404 });
    },
  });
  return { state, asked, gate, host: `127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

let folder: string;
let upstream: ReturnType<typeof startUpstream>;
let url: string;
let warnings: string[];
let stop: () => Promise<unknown>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-upstream-"));
  upstream = startUpstream();
  warnings = [];
  writeFileSync(join(folder, "password"), "secret");
  const rule = (prefix: string): string =>
    `[[upstream]]\nprefix = "${prefix}"\nregistry = "${upstream.host}"\npath = "library"\nrefresh = "1s"\n`;
  writeFileSync(
    join(folder, "registry.toml"),
    `listen = "127.0.0.1:0"\n${rule("hub")}${rule("paid")}username = "us"\npassword-file = "password"\n`,
  );
  const end = new AbortController();
  const listening = Promise.withResolvers<string>();
  const serving = runRegistry({
    environment: {},
    root: join(folder, "root"),
    request: { Config: join(folder, "registry.toml") },
    signal: end.signal,
    tell: (notice) => {
      if (notice.kind === "listening") listening.resolve(notice.address);
      if (notice.kind === "warning") warnings.push(notice.sentence);
    },
  });
  serving.catch(listening.reject);
  url = `http://${await listening.promise}/v2`;
  stop = () => {
    end.abort();
    return serving;
  };
});

afterEach(async () => {
  await stop();
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

const blobUrl = (): string => `${url}/hub/app/blobs/${sha256(layer)}`;
const files = (): readonly string[] => readdirSync(join(folder, "root", "content", "blobs", "sha256"));

describe("a copy of another registry's repository", () => {
  test("is made when it is asked for, by one download however many ask, and is here from then on", async () => {
    const manifest = await fetch(`${url}/hub/app/manifests/v1`);
    expect(await manifest.text()).toBe(upstream.state.manifest);
    expect(manifest.headers.get("docker-content-digest")).toBe(sha256(upstream.state.manifest));
    expect((await fetch(blobUrl(), { method: "HEAD" })).headers.get("content-length")).toBe(String(layer.length));
    const released = Promise.withResolvers<void>();
    upstream.gate.open = released.promise;
    const bodies = Array.from({ length: 8 }, async (_, index) => {
      const range = index === 7 ? { headers: { range: "bytes=999990-1000009" } } : {};
      const answer = await fetch(blobUrl(), range);
      return sha256(await answer.bytes());
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    released.resolve();
    const whole = sha256(layer);
    expect(await Promise.all(bodies)).toEqual([
      ...new Array<string>(7).fill(whole),
      sha256(layer.subarray(999_990, 1_000_010)),
    ]);
    const asked = upstream.asked.filter((line) => line.includes("/blobs/"));
    expect(asked).toHaveLength(1);
    upstream.state.isDown = true;
    expect(sha256(await (await fetch(blobUrl())).bytes())).toBe(whole);
    expect(upstream.asked.filter((line) => line.includes("/blobs/"))).toHaveLength(1);
  });

  test("follows a tag that moves, and is served as it is while the other registry is away", async () => {
    await fetch(`${url}/hub/app/manifests/v1`);
    upstream.state.manifest = imageOf("second");
    const seen = async (): Promise<Response> => await fetch(`${url}/hub/app/manifests/v1`);
    for (let text = ""; text !== upstream.state.manifest; text = await (await seen()).text()) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    upstream.state.isDown = true;
    await new Promise((resolve) => setTimeout(resolve, 1100));
    // The second is not asked for: the first was told a moment ago that nobody answers.
    for (const stale of [await seen(), await seen()]) {
      expect(stale.status).toBe(200);
      expect(stale.headers.get("warning")).toBe('110 - "Response is Stale"');
      expect(await stale.text()).toBe(upstream.state.manifest);
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("cannot be asked, and what is here of it is served as it is");
    // Neither who waits for the first nor who comes after it has the other registry tried all over again.
    const other = async (): Promise<Response> => await fetch(`${url}/hub/other/manifests/v1`);
    const together = await Promise.all([other(), other(), other()]);
    const tries = upstream.asked.length;
    for (const unknown of [...together, await other()]) {
      expect(unknown.status).toBe(503);
      expect(await unknown.text()).toContain("is not here yet");
    }
    expect(upstream.asked).toHaveLength(tries);
    const triesOfOne = 6;
    expect(upstream.asked.filter((line) => line.includes("/other/")).length).toBe(triesOfOne);
  }, 30_000);

  test("stays where its account is refused it, and is gone where nobody may have it any more", async () => {
    const seen = async (prefix: string): Promise<Response> => await fetch(`${url}/${prefix}/app/manifests/v1`);
    for (const prefix of ["hub", "paid"]) expect((await seen(prefix)).status).toBe(200);
    upstream.state.isForbidden = true;
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await seen("hub")).status).toBe(404);
    const stale = await seen("paid");
    expect([stale.status, stale.headers.get("warning")]).toEqual([200, '110 - "Response is Stale"']);
    expect(warnings.toSorted()).toEqual([
      expect.stringContaining(`${upstream.host} cannot be asked, and what is here`),
      expect.stringContaining(`${upstream.host} refuses library/app`),
    ]);
  });

  test("that is refused is not found, and the operator hears why: once of an upstream, however many ask", async () => {
    upstream.state.isForbidden = true;
    for (const name of ["hub/app", "hub/other", "hub/app", "paid/app"]) {
      expect((await fetch(`${url}/${name}/manifests/v1`)).status).toBe(404);
    }
    const refused = (who: string): string =>
      `${upstream.host} refuses library/app to ${who}, or has no such repository: denied`;
    expect(warnings).toEqual([
      `${refused("whoever has no account")} (name one in its [[upstream]]: username and password-file)`,
      `${refused("us")} (look at username and password-file in its [[upstream]])`,
    ]);
  });

  test("never shows content that does not hash to its digest, nor gives its last byte", async () => {
    await fetch(`${url}/hub/app/manifests/v1`);
    upstream.state.blob = new Uint8Array(layer.length);
    const answer = await fetch(blobUrl());
    const got = await answer.bytes().catch(() => new Uint8Array());
    expect(got.length).toBeLessThan(layer.length);
    expect(files()).not.toContain(sha256(layer).slice(7));
    expect(readdirSync(join(folder, "root", "content", "ingest"))).toEqual([]);
    upstream.state.blob = layer;
    expect(sha256(await (await fetch(blobUrl())).bytes())).toBe(sha256(layer));
  });

  test("is not pushed to, lists what the other registry lists, and is found by ?ns=", async () => {
    const pushed = await fetch(`${url}/hub/app/blobs/uploads/`, { method: "POST" });
    expect(pushed.status).toBe(405);
    expect((await fetch(`${url}/own/app/blobs/uploads/`, { method: "POST" })).status).toBe(202);
    expect(await (await fetch(`${url}/hub/app/tags/list?n=1`)).json()).toEqual({ name: "hub/app", tags: ["v1"] });
    const digest = sha256(upstream.state.manifest);
    const referrers = (await (await fetch(`${url}/hub/app/referrers/${digest}`)).json()) as { manifests: object[] };
    expect(referrers.manifests).toMatchObject([{ artifactType: "application/x.signature" }]);
    expect((await fetch(`${url}/hub/app/blobs/${sha256("nothing refers to it")}`)).status).toBe(404);
    expect((await fetch(`${url}/hub/app/manifests/none`)).status).toBe(404);
  });

  test("shows no blob of another repository that its own manifest only names", async () => {
    const pushed = await fetch(`${url}/private/app/blobs/uploads/?digest=${sha256(layer)}`, {
      method: "POST",
      body: layer,
    });
    expect(pushed.status).toBe(201);
    // From now on everybody may read the copies, and nobody what is private.
    writeFileSync(
      join(folder, "root", "access.toml"),
      '[[rights]]\nanonymous = true\nrepositories = ["hub/**"]\nactions = ["pull"]\n',
    );
    expect((await fetch(`${url}/hub/app/manifests/v1`)).status).toBe(200);
    upstream.state.blob = new Uint8Array(layer.length);
    const got = await (await fetch(blobUrl())).bytes().catch(() => new Uint8Array());
    expect(got.some((byte) => byte !== 0)).toBe(false);
    expect((await fetch(`${url}/private/app/blobs/${sha256(layer)}`)).status).toBe(401);
    // Whoever has its bytes may give them.
    upstream.state.blob = layer;
    expect(sha256(await (await fetch(blobUrl())).bytes())).toBe(sha256(layer));
  });
});
