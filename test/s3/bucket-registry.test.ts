import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { type RunRegistryOptions, runRegistry } from "../../src/daemon/run-registry.ts";
import { formatError } from "../../src/errors/gantry-error.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { until } from "../support/daemon.ts";
import { requireS3Server, S3_TEST_BUCKET, S3_TEST_ENVIRONMENT, S3Server } from "../support/s3-server.ts";

/** `gantry registry serve --config` on a bucket of a real server that is the test's own, to be stopped and restarted. */
let folder: string;
let server: S3Server;
const large = randomBytes(20 * 1024 * 1024 + 5);
const digest = digestOf(large);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-bucket-registry-"));
  server = await S3Server.start(requireS3Server());
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Serving extends AsyncDisposable {
  readonly url: string;
}

function configFile(lines: string): string {
  const path = join(folder, `${digestOf(lines).slice(7, 15)}.toml`);
  writeFileSync(path, `[storage.s3]\nbucket = "${S3_TEST_BUCKET}"\nendpoint = "${server.endpoint}"\n${lines}`);
  return path;
}

async function serve(
  root: string,
  lines: string,
  environment: RunRegistryOptions["environment"] = S3_TEST_ENVIRONMENT,
): Promise<Serving> {
  const end = new AbortController();
  const listening = Promise.withResolvers<string>();
  const ended = runRegistry({
    root: join(folder, root),
    request: { Listen: "127.0.0.1:0", Config: configFile(lines) },
    signal: end.signal,
    environment,
    tell: (notice) => {
      if (notice.kind === "listening") listening.resolve(`http://${notice.address}`);
    },
  });
  ended.catch(listening.reject);
  return {
    url: await listening.promise,
    async [Symbol.asyncDispose]() {
      end.abort();
      await ended;
    },
  };
}

async function push(url: string, bytes: Uint8Array): Promise<number> {
  const begun = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", url);
  location.searchParams.set("digest", digestOf(bytes));
  return (await fetch(location, { method: "PUT", body: bytes })).status;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "it was served",
    (error: unknown) => formatError(error),
  );
}

test("a blob of several parts is an object, is had whole and in ranges, and survives a restart", async () => {
  const prefix = 'prefix = "several"';
  {
    await using registry = await serve("several", prefix);
    expect(await push(registry.url, large)).toBe(201);
    expect(existsSync(join(folder, "several/content/blobs"))).toBe(false);
    expect(readdirSync(join(server.folder, S3_TEST_BUCKET, "several/blobs/sha256"))).toEqual([digest.slice(7)]);
  }
  await using registry = await serve("several", prefix);
  const url = `${registry.url}/v2/a/b/blobs/${digest}`;
  const whole = await fetch(url);
  expect(digestOf(await whole.bytes())).toBe(digest);
  const part = await fetch(url, { headers: { range: "bytes=9000000-17000000" } });
  expect([part.status, digestOf(await part.bytes())]).toEqual([206, digestOf(large.subarray(9_000_000, 17_000_001))]);
});

test("a server of the bucket that is killed in the middle of a push leaves nothing, and the same upload can be ended", async () => {
  await using registry = await serve("killed-push", 'prefix = "killed-push"');
  const { url } = registry;
  const larger = Buffer.concat([large, large, large]);
  const digest = digestOf(larger);
  const begun = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", url);
  expect((await fetch(location, { method: "PATCH", body: larger })).status).toBe(202);
  location.searchParams.set("digest", digest);
  const ending = fetch(location, { method: "PUT" });
  const objects = join(server.folder, S3_TEST_BUCKET);
  const parts = (): readonly string[] =>
    readdirSync(server.folder, { recursive: true })
      .map(String)
      .filter((name) => name.includes("upload"));
  await until("parts come", () => parts().length > 0);
  await server.kill();
  const answer = await ending;
  expect([answer.status, await answer.json()]).toMatchObject([503, { errors: [{ code: "UNAVAILABLE" }] }]);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/v2/a/b/blobs/${digest}`, { method: "HEAD" })).status).toBe(404);
  await server.run();
  expect(existsSync(join(objects, "killed-push/blobs/sha256", digest.slice(7)))).toBe(false);
  expect((await fetch(location, { method: "PUT" })).status).toBe(201);
  expect(digestOf(await (await fetch(`${url}/v2/a/b/blobs/${digest}`)).bytes())).toBe(digest);
});

test("a server of the bucket that is killed in the middle of a pull, and comes back, breaks no answer", async () => {
  await using registry = await serve("killed-pull", 'prefix = "killed-pull"');
  expect(await push(registry.url, large)).toBe(201);
  const answer = await fetch(`${registry.url}/v2/a/b/blobs/${digest}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk);
    if (chunks.length > 1) continue;
    await server.kill();
    await server.run();
  }
  expect(digestOf(Buffer.concat(chunks))).toBe(digest);
});

test("redirect sends who may read to the bucket, and nobody else", async () => {
  await using registry = await serve("redirecting", 'prefix = "redirecting"\nredirect = true');
  expect(await push(registry.url, large)).toBe(201);
  const url = `${registry.url}/v2/a/b/blobs/${digest}`;
  const answer = await fetch(url, { redirect: "manual" });
  expect([answer.status, answer.headers.get("location")]).toEqual([307, expect.stringContaining(server.endpoint)]);
  expect(digestOf(await (await fetch(url)).bytes())).toBe(digest);
  expect((await fetch(url, { headers: { range: "bytes=5-9" } })).status).toBe(206);
  expect((await fetch(url, { method: "HEAD", redirect: "manual" })).status).toBe(200);
  expect((await fetch(`${registry.url}/v2/c/d/blobs/${digest}`, { redirect: "manual" })).status).toBe(404);
  const unsigned = new URL(answer.headers.get("location") ?? "");
  unsigned.search = "";
  expect((await fetch(unsigned)).status).toBe(403);
});

test("a root's blobs are looked for nowhere else, and nobody takes another's bucket", async () => {
  const prefix = 'prefix = "mine"';
  {
    await using registry = await serve("mine", prefix);
    expect(await push(registry.url, Buffer.from("mine"))).toBe(201);
  }
  const root = join(folder, "mine");
  const request = { Listen: "127.0.0.1:0" };
  const { signal } = new AbortController();
  expect(await refusal(runRegistry({ root, request, signal, environment: {}, tell: () => undefined }))).toContain(
    "the blobs of this root are objects in a bucket, not files (serve it with the --config that names its bucket",
  );
  expect(await refusal(serve("mine", 'prefix = "elsewhere"'))).toContain(
    "the blobs of this root are not in the bucket",
  );
  expect(await refusal(serve("another", prefix))).toContain("is another registry's, as mine/gantry-root in it says");
  await using registry = await serve("mine", prefix);
  expect(await (await fetch(`${registry.url}/v2/a/b/blobs/${digestOf("mine")}`)).text()).toBe("mine");
});

test("a copy of a root is refused the bucket while the root is served, and has it at once when that has ended", async () => {
  const prefix = 'prefix = "copied"';
  const files = ["state.db", "state.db-wal"];
  {
    await using registry = await serve("original", prefix);
    expect(await push(registry.url, Buffer.from("copied"))).toBe(201);
    mkdirSync(join(folder, "copy"));
    for (const file of files) copyFileSync(join(folder, "original", file), join(folder, "copy", file));
    expect(await refusal(serve("copy", prefix))).toContain(
      `process ${process.pid} on ${hostname()} serves from the bucket images, with a copy of this root (stop that one first`,
    );
    expect(await push(registry.url, Buffer.from("goes on"))).toBe(201);
  }
  await using copy = await serve("copy", prefix);
  expect(await (await fetch(`${copy.url}/v2/a/b/blobs/${digestOf("copied")}`)).text()).toBe("copied");
});

test("keys that are wrong and buckets that are not there are said before anything is served", async () => {
  const wrong = { ...S3_TEST_ENVIRONMENT, AWS_SECRET_ACCESS_KEY: "wrong" };
  expect(await refusal(serve("wrong", "", wrong))).toMatch(
    /in the bucket images: it answered 403 SignatureDoesNotMatch/,
  );
  expect(await refusal(serve("none", "", {}))).toContain("there is no access key for the bucket images");
  writeFileSync(join(folder, "id"), S3_TEST_ENVIRONMENT.AWS_ACCESS_KEY_ID);
  writeFileSync(join(folder, "secret"), `${S3_TEST_ENVIRONMENT.AWS_SECRET_ACCESS_KEY}\n`);
  const files = 'prefix = "files"\naccess-key-id-file = "id"\nsecret-access-key-file = "secret"';
  await using registry = await serve("files", files, {});
  expect(await push(registry.url, Buffer.from("files"))).toBe(201);
});
