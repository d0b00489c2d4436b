import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runRegistry } from "../../src/daemon/run-registry.ts";
import { formatError } from "../../src/errors/gantry-error.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { IDLE_SECONDS } from "../../src/platform/http/http-server.ts";
import { RESPONSE_TIMEOUT_MS, RETRY_DELAYS_MS } from "../../src/s3/s3-connection.ts";
import { until } from "../support/daemon.ts";
import { OwnRegistry } from "../support/own-registry.ts";
import { S3Double, type S3Fault } from "../support/s3-double.ts";

/** A registry whose bucket fails. */
let folder: string;
let server: S3Double;
let url: string;
const warnings: string[] = [];
const end = new AbortController();
let ended: Promise<unknown>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-bucket-faults-"));
  server = new S3Double();
  const config = join(folder, "registry.toml");
  writeFileSync(config, `[storage.s3]\nbucket = "images"\nendpoint = "${server.endpoint}"\n`);
  const listening = Promise.withResolvers<string>();
  ended = runRegistry({
    root: join(folder, "root"),
    request: { Listen: "127.0.0.1:0", Config: config },
    environment: { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" },
    signal: end.signal,
    tell: (notice) => {
      if (notice.kind === "warning") warnings.push(notice.sentence);
      if (notice.kind === "listening") listening.resolve(`http://${notice.address}`);
    },
  });
  ended.catch(listening.reject);
  url = `${await listening.promise}/v2/team/app`;
});
afterAll(async () => {
  end.abort();
  await ended;
  server[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("an engine's registry takes no bucket, and says who does", async () => {
  const config = join(folder, "registry.toml");
  const root = join(folder, "engine");
  mkdirSync(root);
  const refused = await OwnRegistry.start({ root, config }).then(() => "it was served", formatError);
  expect(refused).toBe(
    `an engine keeps blobs in files, those in ${root} too, and none in the bucket images (serve [storage.s3] with \`gantry registry serve\` and a --root of its own, which no engine has)`,
  );
});

const denied: S3Fault["fault"] = { kind: "refuse", status: 403, code: "AccessDenied", text: "Access Denied" };
const objects = (): number => [...server.objects.keys()].filter((key) => key.startsWith("blobs/")).length;

async function begin(bytes: Uint8Array): Promise<URL> {
  const begun = await fetch(`${url}/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", url);
  const response = await fetch(location, { method: "PATCH", body: bytes });
  expect(response.status).toBe(202);
  return location;
}

function finish(location: URL, bytes: Uint8Array): Promise<Response> {
  const target = new URL(location);
  target.searchParams.set("digest", digestOf(bytes));
  return fetch(target, { method: "PUT" });
}

test("a bucket that refuses is a 503 in one sentence, and the same upload can be ended later", async () => {
  const bytes = randomBytes(100_000);
  const location = await begin(bytes);
  const key = `blobs/sha256/${digestOf(bytes).slice(7)}`;
  server.fail({ at: /^PUT/, fault: denied });
  const refused = await finish(location, bytes);
  expect([refused.status, await refused.json()]).toEqual([
    503,
    {
      errors: [
        {
          code: "UNAVAILABLE",
          message: `cannot store ${key} in the bucket images: it answered 403 AccessDenied (Access Denied) (the access key needs the rights to get, put, delete and list in this bucket)`,
        },
      ],
    },
  ]);
  expect(warnings.splice(0)).toEqual([
    expect.stringMatching(/^clients are told 503: cannot store blobs.* answered 403 AccessDenied/),
  ]);
  expect([objects(), (await fetch(`${url}/blobs/${digestOf(bytes)}`)).status]).toEqual([0, 404]);
  expect((await fetch(location)).headers.get("range")).toBe("0-99999");
  expect((await finish(location, bytes)).status).toBe(201);
  expect(digestOf(server.objects.get(key) ?? "none")).toBe(digestOf(bytes));
  expect(readdirSync(join(folder, "root/uploads"))).toEqual([]);
});

test("a manifest that the bucket does not take is not there, and its tag points where it did", async () => {
  const put = (note: string): Promise<Response> =>
    fetch(`${url}/manifests/latest`, {
      method: "PUT",
      headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
      body: JSON.stringify({ schemaVersion: 2, manifests: [], annotations: { note } }),
    });
  expect((await put("first")).status).toBe(201);
  server.fail({ at: /^PUT/, fault: denied });
  expect((await put("second")).status).toBe(503);
  expect(await (await fetch(`${url}/manifests/latest`)).json()).toMatchObject({ annotations: { note: "first" } });
  expect((await put("second")).status).toBe(201);
  server.fail({ at: /^GET/, fault: denied });
  expect((await fetch(`${url}/manifests/latest`)).status).toBe(503);
  const asked = server.requests.length;
  for (const _time of [1, 2, 3]) {
    expect(await (await fetch(`${url}/manifests/latest`)).json()).toMatchObject({ annotations: { note: "second" } });
  }
  expect(server.requests.length).toBe(asked + 1);
});

test("a blob is a 503 before its first byte, and goes on where an answer of the bucket breaks", async () => {
  const bytes = randomBytes(1_000_000);
  expect((await finish(await begin(bytes), bytes)).status).toBe(201);
  const target = `${url}/blobs/${digestOf(bytes)}`;
  server.fail({ at: /^GET/, fault: denied });
  expect((await fetch(target)).status).toBe(503);
  server.fail({ at: /^GET/, fault: { kind: "cut", afterBytes: 400_000 } });
  expect(digestOf(await (await fetch(target)).bytes())).toBe(digestOf(bytes));
  expect((await fetch(target, { method: "HEAD" })).status).toBe(200);
});

test("/readyz says why while the bucket cannot be used, and recovers; /healthz does not ask it", async () => {
  const origin = new URL(url).origin;
  const ready = async (): Promise<number> => (await fetch(`${origin}/readyz`)).status;
  await until("the registry is ready", async () => (await ready()) === 200);
  const asked = server.requests.length;
  server.fail({ at: /^GET .*gantry-root/, times: 2, fault: { kind: "refuse", status: 503, code: "SlowDown" } });
  await until("it is not", async () => (await ready()) === 503);
  const response = await fetch(`${origin}/readyz`);
  expect([response.status, await response.json()]).toEqual([
    503,
    {
      errors: [
        {
          code: "UNAVAILABLE",
          message: "cannot read gantry-root in the bucket images: it answered 503 SlowDown (no & no)",
        },
      ],
    },
  ]);
  expect((await fetch(`${origin}/healthz`)).status).toBe(200);
  expect(server.requests.length).toBe(asked + 2);
  await until("it is again", async () => (await ready()) === 200);
  const owner = server.objects.get("gantry-root") ?? Buffer.from("none");
  server.objects.set("gantry-root", Buffer.from("another"));
  await until("the bucket was exchanged", async () => (await ready()) === 503);
  server.objects.set("gantry-root", owner);
  await until("it is back", async () => (await ready()) === 200);
  expect(warnings.splice(0)).toEqual([
    "the registry is not ready: cannot read gantry-root in the bucket images: it answered 503 SlowDown (no & no)",
    "the registry is ready again: its bucket answers",
    "the registry is not ready: the bucket images is not the one that was opened: gantry-root in it names another registry",
    "the registry is ready again: its bucket answers",
  ]);
});

test("a bucket that is silent for good is a 503, since its tries are over before the client's connection is idle for too long", () => {
  const tries = [RESPONSE_TIMEOUT_MS, ...RETRY_DELAYS_MS.map((waitMs) => waitMs + RESPONSE_TIMEOUT_MS)];
  const longestMs = tries.reduce((sum, timeMs) => sum + timeMs);
  expect(longestMs).toBeLessThan((IDLE_SECONDS * 1000 * 3) / 4);
});

test("a blob that ends in the middle ends the connection: no client takes it for whole", async () => {
  const bytes = randomBytes(1_000_000);
  expect((await finish(await begin(bytes), bytes)).status).toBe(201);
  server.fail({ at: /^GET/, fault: { kind: "cut", afterBytes: 400_000 } });
  server.fail({ at: /^GET/, fault: denied });
  const response = await fetch(`${url}/blobs/${digestOf(bytes)}`);
  expect(response.status).toBe(200);
  await expect(response.bytes()).rejects.toThrow();
  expect(warnings).toEqual([
    expect.stringMatching(/^the answer with sha256:.* ended early: cannot read .* it answered 403/),
  ]);
});
