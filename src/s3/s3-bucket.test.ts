import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doubleOptions, S3Double, type S3Fault } from "../../test/support/s3-double.ts";
import { formatError, isGantryError } from "../errors/gantry-error.ts";
import { digestOf } from "../oci/hash-digest.ts";
import { S3Bucket } from "./s3-bucket.ts";
import { S3Connection } from "./s3-connection.ts";

const PART_BYTES = 64 * 1024;
const KEY = "r/blobs/sha256/x";
let folder: string;
let server: S3Double;
let bucket: S3Bucket;
/** How often a wait was spread. */
let spread: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-s3-"));
  server = new S3Double();
  spread = 0;
  bucket = new S3Bucket({
    ...doubleOptions(server.endpoint),
    retryDelaysMs: [1, 1],
    random: () => {
      spread += 1;
      return 0;
    },
    responseTimeoutMs: 300,
    partBytes: PART_BYTES,
  });
});
afterEach(() => {
  server[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

function upload(bytes: Uint8Array, digest = digestOf(bytes)): Promise<void> {
  const path = join(folder, "file");
  writeFileSync(path, bytes);
  return bucket.upload({ path, sizeBytes: bytes.length, digest, key: KEY });
}

async function read(start: number, end: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bucket.read(KEY, { start, end })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a promise fails with, in one sentence, and its code. */
async function failure(promise: Promise<unknown>): Promise<readonly [string, string]> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  return [isGantryError(error) ? error.code : "none", formatError(error)];
}

const slowDown: S3Fault["fault"] = {
  kind: "refuse",
  status: 503,
  code: "SlowDown",
  text: "Please reduce your request rate.",
};
const denied: S3Fault["fault"] = { kind: "refuse", status: 403, code: "AccessDenied", text: "Access Denied" };
const small = randomBytes(1000);
const large = randomBytes(5 * PART_BYTES + 17);

describe("a file becomes an object", () => {
  test.each([
    ["in one request", small],
    ["in parts", large],
    ["without a byte", Buffer.alloc(0)],
    ["of exactly one part", randomBytes(PART_BYTES)],
  ])("%s", async (_how, bytes) => {
    await upload(bytes);
    expect(digestOf(server.objects.get(KEY) ?? "none")).toBe(digestOf(bytes));
    expect(server.uploads.size).toBe(0);
  });

  test.each([
    ["PUT", small],
    ["POST .*uploads", large],
    ["PUT .*partNumber=3", large],
    ["POST .*uploadId", large],
  ])(
    "%s is tried again when the bucket asks for slower, when it is silent, and when the answer is lost",
    async (at, bytes) => {
      for (const fault of [slowDown, { kind: "silence" }, { kind: "done" }] as const) {
        server.objects.clear();
        server.fail({ at: new RegExp(`^${at}`), fault });
        await upload(bytes);
        expect(digestOf(server.objects.get(KEY) ?? "none")).toBe(digestOf(bytes));
      }
      // Those who were turned away together do not come back together.
      expect(spread).toBe(3);
    },
  );

  test("not if the bucket goes on refusing: then nothing is there, neither whole nor in part", async () => {
    server.fail({ at: /partNumber=4/, fault: denied });
    expect(await failure(upload(large))).toEqual([
      "unavailable",
      `cannot store ${KEY} in the bucket images: it answered 403 AccessDenied (Access Denied) (the access key needs the rights to get, put, delete and list in this bucket)`,
    ]);
    expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
    server.fail({ at: /^PUT/, times: 99, fault: slowDown });
    expect(await failure(upload(small))).toEqual([
      "unavailable",
      `cannot store ${KEY} in the bucket images: it answered 503 SlowDown (Please reduce your request rate)`,
    ]);
    expect(server.requests.filter((request) => request.startsWith(`PUT /images/${KEY}`)).length).toBeGreaterThan(3);
    expect(server.objects.size).toBe(0);
  });

  test("not from a bucket that is away: no further part is tried, and what came is given up once, for whoever looks later", async () => {
    server.fail({ at: /^(PUT|DELETE)/, times: 99, fault: slowDown });
    expect((await failure(upload(large)))[1]).toContain("503 SlowDown");
    const sent = server.requests.filter((request) => !request.startsWith("POST"));
    expect(sent.filter((request) => /partNumber=[56]/.test(request))).toEqual([]);
    expect(sent.filter((request) => request.startsWith("DELETE")).length).toBe(1);
  });

  test("not if S3 says so after it has answered 200", async () => {
    server.fail({
      at: /^POST .*uploadId/,
      times: 3,
      fault: { kind: "refuse", status: 200, code: "InternalError", text: "We failed" },
    });
    expect(await failure(upload(large))).toEqual([
      "unavailable",
      `cannot store ${KEY} in the bucket images: it answered 200 InternalError (We failed)`,
    ]);
    expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
  });

  test.each([small, large])("not if the file rotted since it was hashed", async (bytes) => {
    const [code, sentence] = await failure(upload(bytes, digestOf("something else")));
    expect([code, sentence]).toEqual(["data-loss", expect.stringContaining("was damaged on disk")]);
    expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
  });
});

describe("an object is read", () => {
  beforeEach(() => void server.objects.set(KEY, large));

  test("whole, and in any range", async () => {
    expect(digestOf(await read(0, large.length))).toBe(digestOf(large));
    expect(digestOf(await read(1000, 70_000))).toBe(digestOf(large.subarray(1000, 70_000)));
  });

  test("to its end over an answer that breaks, where it stood", async () => {
    server.fail({ at: /^GET/, fault: { kind: "cut", afterBytes: 100_000 } });
    expect(digestOf(await read(10, large.length))).toBe(digestOf(large.subarray(10)));
    expect(server.requests.length).toBe(2);
  });

  test("not if it is not there, and not from a bucket that is silent: who waits is told", async () => {
    server.objects.clear();
    expect(await failure(read(0, 1))).toEqual(["unavailable", expect.stringContaining("404 NoSuchKey (no & no)")]);
    server.fail({ at: /^GET/, times: 3, fault: { kind: "silence" } });
    expect(await failure(read(0, 1))).toEqual([
      "unavailable",
      `cannot read ${KEY} in the bucket images: no answer within 1 s`,
    ]);
  });
});

test("a bucket where nobody listens is told with where to look", async () => {
  server[Symbol.dispose]();
  const [code, sentence] = await failure(bucket.readSmall(KEY));
  expect(code).toBe("unavailable");
  expect(sentence).toStartWith(`cannot read ${KEY} in the bucket images: it does not answer: `);
  expect(sentence).toEndWith("(is it running, and endpoint in [storage.s3] right?)");
});

describe("a body on its way", () => {
  const body = Buffer.alloc(48 << 20);
  const put = (endpoint: string, responseTimeoutMs: number): Promise<unknown> =>
    new S3Connection({ ...doubleOptions(endpoint), responseTimeoutMs }).send(
      { method: "PUT", key: KEY, body, doing: `cannot store ${KEY}` },
      () => undefined,
    );

  test.each(["before it has all", "that has it all"])(
    "to a bucket that becomes silent %s fails as soon as any other request",
    async (when) => {
      using silent = takeSlowly({ stopsAtBytes: when === "that has it all" ? body.length : 1000, pauseMs: 0 });
      expect((await failure(put(silent.endpoint, 300)))[1]).toBe(
        `cannot store ${KEY} in the bucket images: no answer within 1 s`,
      );
    },
  );

  test("to a bucket that takes it slowly has as long as that needs", async () => {
    using slow = takeSlowly({ stopsAtBytes: body.length, pauseMs: 15 });
    await put(slow.endpoint, 900);
    expect(slow.takenBytes()).toBeGreaterThan(body.length);
  });
});

/** A server that takes a body of which it reads a little, waits, and reads on, and answers when it has it all. */
function takeSlowly({ stopsAtBytes, pauseMs }: { stopsAtBytes: number; pauseMs: number }): Disposable & {
  readonly endpoint: string;
  readonly takenBytes: () => number;
} {
  let taken = 0;
  const isSilent = pauseMs === 0;
  const listener = Bun.listen<{ bytes: number }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { bytes: 0 };
      },
      data(socket, chunk) {
        socket.data.bytes += chunk.length;
        taken += chunk.length;
        if (socket.data.bytes < stopsAtBytes) {
          socket.pause();
          if (!isSilent) setTimeout(() => socket.resume(), pauseMs);
        } else if (!isSilent) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      },
    },
  });
  return {
    endpoint: `http://127.0.0.1:${listener.port}`,
    takenBytes: () => taken,
    [Symbol.dispose]: () => listener.stop(true),
  };
}

test("objects are listed over pages, and removing one that is not there is no error", async () => {
  for (const name of ["a", "b", "c", "d", "e"]) server.objects.set(`r/${name}`, Buffer.from(name));
  server.objects.set("other", Buffer.from(""));
  await bucket.remove("r/c");
  await bucket.remove("r/c");
  const keys: string[] = [];
  for await (const page of bucket.list("r/")) keys.push(...page.map(({ key }) => key));
  expect(keys).toEqual(["r/a", "r/b", "r/d", "r/e"]);
});

test("a small object is made once, also where the server knows no conditions", async () => {
  await bucket.createSmall("r/one", "first");
  await bucket.createSmall("r/one", "second");
  expect(await bucket.readSmall("r/one")).toBe("first");
  const unknown = { kind: "refuse", status: 501, code: "NotImplemented" } as const;
  server.fail({ at: /^PUT/, fault: unknown });
  await bucket.createSmall("r/two", "first");
  expect(await bucket.readSmall("r/two")).toBe("first");
  server.fail({ at: /^PUT/, times: 2, fault: unknown });
  expect((await failure(bucket.createSmall("r/three", "first")))[1]).toContain("501 NotImplemented");
});

test("nobody listens there: one sentence", async () => {
  server[Symbol.dispose]();
  const [code, sentence] = await failure(bucket.size(KEY));
  expect([code, sentence]).toEqual(["unavailable", expect.stringMatching(/^cannot look at .* in the bucket images: /)]);
});
