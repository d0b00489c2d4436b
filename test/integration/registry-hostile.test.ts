import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { SeededRandom } from "../crash/seeded-random.ts";
import { pushBlob, pushImage } from "../support/push-content.ts";
import { RawHttp, type RawResponse } from "../support/raw-http.ts";
import { RegistryProcess } from "../support/registry-process.ts";

const MIB = 1024 * 1024;
const seed = Number(process.env.GANTRY_HOSTILE_SEED ?? Date.now() % 1_000_000_000);
const random = new SeededRandom(seed);

let registry: RegistryProcess;
let folder: string;
let repository: string;
let blob: string;
const content = randomBytes(3000);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-hostile-"));
  registry = await RegistryProcess.start({ root: join(folder, "root") });
  repository = `${registry.url}/v2/victim/repository`;
  blob = await pushBlob(repository, content);
  await pushImage(repository, "latest");
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const residentBytes = (): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${registry.pid}/status`, "utf8"))?.[1]) * 1024;
const descriptors = (): number => readdirSync(`/proc/${registry.pid}/fd`).length;

/** Every file that there is, unfinished uploads left out. */
function files(): string[] {
  return (
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(folder, path)).isFile() && !path.startsWith("root/uploads/"))
      // The layout's index is written a moment after the start, for others to read.
      .filter((path) => !/state\.db-(wal|shm)$|content\/index\.json(\.tmp)?$/.test(path))
      .toSorted()
  );
}

/** It serves as before: what was there, and what is new. */
async function expectServing(): Promise<void> {
  expect(registry.isRunning).toBe(true);
  const known = await fetch(`${repository}/blobs/${blob}`);
  expect(digestOf(Buffer.from(await known.arrayBuffer()))).toBe(blob as never);
  const bytes = randomBytes(100_000);
  const digest = await pushBlob(repository, bytes);
  expect(Buffer.from(await (await fetch(`${repository}/blobs/${digest}`)).arrayBuffer()).equals(bytes)).toBe(true);
  await fetch(`${repository}/blobs/${digest}`, { method: "DELETE" });
}

/** An error is told in the specification's words, and nothing of ours went wrong. */
function expectSound(response: RawResponse | undefined, isHead: boolean, what: string): void {
  const { status = 0, headers = {}, body = Buffer.alloc(0) } = response ?? {};
  if (status < 200 || status >= 500) throw new Error(`${what} was answered with ${status}: ${body}`);
  if (status < 400 || isHead) return;
  // What is no HTTP is refused by the server itself, without a body, and the connection ends.
  if (headers.connection === "close" && body.length === 0) return;
  if (status === 416 && body.length === 0) return;
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
  if (!/^[A-Z_]+$/.test(errors[0]?.code ?? "") || errors[0]?.message === "") throw new Error(`${what}: ${body}`);
}

const pick = <T>(...list: readonly T[]): T => random.pick(list);
const text = (length: number, alphabet: string): string =>
  Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join("");
const printable = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).join("");

function hostileDigest(): string {
  return pick(
    () => `sha256:${text(64, "0123456789abcdef")}`,
    () => `sha256:${text(random.below(200), "0123456789abcdefABCDEF")}`,
    () => `sha512:${text(64, "0123456789abcdef")}`,
    () => `${text(1 + random.below(20), printable.replace("#", ""))}:${text(64, "0123456789abcdef")}`,
    () => "sha256:../../../../etc/passwd",
    () => `sha256:${"0".repeat(5000)}`,
    () => `sha256%3A${text(64, "0123456789abcdef")}`,
    () => `sha256:${"%00".repeat(10)}`,
  )();
}

function hostilePath(): string {
  const piece = (): string =>
    pick(
      () => pick("..", ".", "", "%2e%2e", "%2E%2E%2f", "%2f", "%5c", "..%00", "%00", "%", "%zz", "%c0%ae%c0%ae"),
      () =>
        pick("v2", "blobs", "uploads", "manifests", "tags", "list", "referrers", "_catalog", "victim", "repository"),
      () => text(random.below(30), printable.replaceAll(/[#?]/g, "")),
      () => text(1 + random.below(300), "abc/._-%"),
      () => "a".repeat(random.below(8000)),
      hostileDigest,
    )();
  const pieces = Array.from({ length: 1 + random.below(8) }, piece).join("/");
  const query = random.chance(0.3) ? `?${text(random.below(100), printable.replaceAll("#", ""))}` : "";
  return `${pick("/v2/", "/v2/victim/repository/", "/", "/v2/../", "//v2//")}${pieces}${query}`;
}

function hostileRange(): string {
  const number = (): string => pick(String(random.below(4000)), "", "-1", "9".repeat(30), "1e3", "0x10", " ", "NaN");
  return pick(
    () => `bytes=${number()}-${number()}`,
    () => `bytes=${Array.from({ length: random.below(500) }, () => `${number()}-${number()}`).join(",")}`,
    () => text(random.below(50), printable),
  )();
}

function ifRange(): string {
  return random.chance(0.6) ? "" : `\r\nIf-Range: ${pick('"x"', "*", "W/", blob, `"${blob}"`)}`;
}

interface Hostile {
  readonly head: string;
  readonly body?: Buffer;
}

const METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"] as const;

/** Requests that are HTTP, whatever else they are: many share a connection. */
function hostileRequest(): Hostile {
  const name = "/v2/victim/repository";
  return pick<() => Hostile>(
    () => ({ head: `${pick(...METHODS)} ${hostilePath()}` }),
    () => ({
      head: `${pick("GET", "HEAD", "DELETE", "PUT")} ${name}/${pick("blobs", "manifests", "referrers")}/${hostileDigest()}`,
    }),
    () => ({
      head: `GET ${name}/blobs/${blob} HTTP\r\nRange: ${hostileRange()}${ifRange()}`,
    }),
    () => ({
      head: `GET ${name}/tags/list?n=${text(random.below(20), "0123456789-+e. ")}&last=${text(20, "abc%&=")}`.replaceAll(
        " ",
        "+",
      ),
    }),
    () => ({
      head: `PATCH ${name}/blobs/uploads/${pick("x", "..%2f..%2fstate.db", "00000000-0000-0000-0000-000000000000")} HTTP\r\nContent-Range: ${hostileRange()}`,
      body: randomBytes(random.below(200)),
    }),
    () => ({
      head: `POST ${name}/blobs/uploads/?${pick("digest", "mount", "digest-algorithm")}=${hostileDigest()}&from=${pick("../..", "victim/repository", "%00", "")}`,
      body: randomBytes(random.below(200)),
    }),
    () => ({
      head: `PUT ${name}/manifests/${pick("tag", hostileDigest())} HTTP\r\nContent-Type: ${pick("", "a", "text/html", "application/vnd.oci.image.manifest.v1+json; charset=x", text(300, "ab/;="))}`,
      body: hostileJson(),
    }),
    () => ({
      head: `${pick("GET", "DELETE")} ${name}/manifests/none HTTP\r\n${pick("If-Match", "If-None-Match")}: ${text(random.below(3000), printable)}`,
    }),
    () => ({
      head: `GET /v2/ HTTP\r\nAuthorization: ${pick("Basic", "Bearer", "")} ${text(random.below(3000), printable)}`,
    }),
  )();
}

function hostileJson(): Buffer {
  return pick(
    () => Buffer.from("[".repeat(20_000)),
    () => Buffer.from(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`),
    () => Buffer.from(`{"schemaVersion":2,"mediaType":"a/b","mediaType":"c/d","config":{},"config":[],"layers":1}`),
    () => Buffer.from(`{"__proto__":{"schemaVersion":2},"constructor":{"prototype":{"manifests":[]}}}`),
    () => Buffer.from(`{"schemaVersion":2,"manifests":[${'{"digest":"sha256:x","size":1e400},'.repeat(1000)}{}]}`),
    () => Buffer.from([0xff, 0xfe, ...randomBytes(50)]),
    () => randomBytes(random.below(500)),
    () => Buffer.alloc(0),
  )();
}

function encode({ head, body = Buffer.alloc(0) }: Hostile): Buffer {
  const [first = "", ...headers] = head.split("\r\n");
  const line = first.replace(/ HTTP$/, "");
  const lines = [`${line} HTTP/1.1`, "Host: registry", ...headers, `Content-Length: ${body.length}`];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}

describe(`hostile requests (GANTRY_HOSTILE_SEED=${seed})`, () => {
  test("8,000 with odd paths, digests, ranges, headers and documents: each is refused in the specification's words", async () => {
    const before = files();
    const statuses = new Map<number, number>();
    const worker = async (count: number): Promise<void> => {
      let connection = await RawHttp.open(registry.port);
      for (let number = 0; number < count; number++) {
        const request = hostileRequest();
        const isHead = request.head.startsWith("HEAD ");
        await connection.write(encode(request));
        const response = await connection.read({ isHead });
        expectSound(response, isHead, JSON.stringify(request.head.slice(0, 500)));
        const status = response?.status ?? 0;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (response?.headers.connection === "close") {
          connection[Symbol.dispose]();
          connection = await RawHttp.open(registry.port);
        }
      }
      connection[Symbol.dispose]();
    };
    await Promise.all(Array.from({ length: 16 }, () => worker(500)));
    // It is no test if all are refused at the first look.
    for (const status of [200, 206, 400, 404, 405, 416])
      expect({ status, count: statuses.get(status) ?? 0 }).not.toEqual({ status, count: 0 });
    await expectServing();
    // Documents of types that nobody knows are kept as they are: they may be there, and nothing else.
    const added = files().filter((path) => !before.includes(path));
    for (const path of added) expect(path).toMatch(/^root\/content\/blobs\/sha(256|512)\/[0-9a-f]+$/);
  });

  test("1,000 that are no HTTP, or two requests in one, end their connection and nothing else", async () => {
    const smuggled = "GET /v2/_catalog HTTP/1.1\r\nHost: registry\r\n\r\n";
    const put = "PUT /v2/victim/repository/manifests/x HTTP/1.1\r\nHost: registry\r\n";
    const kinds: readonly (() => string | Buffer)[] = [
      () => `${put}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      () => `${put}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
      () => `${put}Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello${smuggled}`,
      () =>
        `${put}Content-Length: ${pick("-1", "+5", "5,5", "0x5", "1e1", "", "9".repeat(40))}\r\n\r\nhello${smuggled}`,
      () =>
        `${put}Transfer-Encoding: ${pick("gzip", "chunked, gzip", "xchunked", "identity")}\r\n\r\n5\r\nhello\r\n0\r\n\r\n${smuggled}`,
      () =>
        `${put}Transfer-Encoding: chunked\r\n\r\n${pick("zz", "-1", "ffffffffffffffffffff", "5;", " 5", "5 ")}\r\nhel\r\n${smuggled}`,
      () => `GET /v2/ HTTP/1.1\r\nHost: registry\r\nX: ${"a".repeat(100_000)}\r\n\r\n`,
      () => `GET /v2/ HTTP/1.1\r\nHost: registry\r\n${"X: y\r\n".repeat(5000)}\r\n`,
      () => `GET /v2/${"a".repeat(100_000)} HTTP/1.1\r\nHost: registry\r\n\r\n`,
      () => `GET /v2/ HTTP/1.1\r\nHost: registry\r\nX: a\0b\r\n\r\n`,
      () => `GET /v2/ HTTP/1.1\r\nHost: registry\r\nX: a\r\n folded\r\n\r\n`,
      () => `GET /v2/ HTTP/1.1\r\nHost : registry\r\n\r\n`,
      () => `GET /v2/\r\nHost: registry\r\n\r\n`,
      () => `GET  /v2/ HTTP/1.1\r\nHost: registry\r\n\r\n`,
      () => `${text(200, printable)} /v2/ HTTP/1.1\r\nHost: registry\r\n\r\n`,
      () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      () => Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...randomBytes(100)]),
      () => randomBytes(1 + random.below(2000)),
    ];
    const one = async (): Promise<void> => {
      using connection = await RawHttp.open(registry.port);
      const bytes = pick(...kinds)();
      await connection.write(bytes);
      connection.endWriting();
      const answer = (await connection.readToEnd()).toString("latin1");
      const answers = answer.match(/^HTTP\/1\.1 \d{3}/gm) ?? [];
      const what = JSON.stringify(bytes.toString("latin1").slice(0, 300));
      // 505 is the answer to what only looks like a version of HTTP.
      if (/^HTTP\/1\.1 50[^5]/m.test(answer)) throw new Error(`${what} was answered with ${answer}`);
      // The catalogue is what the second request would show.
      if (answers.length > 1 || answer.includes('"repositories"')) throw new Error(`${what} smuggled: ${answer}`);
    };
    for (let number = 0; number < 1000; number += 20) await Promise.all(Array.from({ length: 20 }, one));
    await expectServing();
  });

  test("a tunnel to another host is refused in the specification's words", async () => {
    using connection = await RawHttp.open(registry.port);
    await connection.write("CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n");
    const { status, headers, body } = (await connection.read()) ?? {};
    expect({ status, type: headers?.["content-type"], error: JSON.parse(`${body}`).errors[0].code }).toEqual({
      status: 400,
      type: "application/json",
      error: "UNSUPPORTED",
    });
  });

  test("1,000 whose clients vanish somewhere leave no descriptor, and what they uploaded is kept for them alone", async () => {
    const before = descriptors();
    const one = async (): Promise<void> => {
      using connection = await RawHttp.open(registry.port);
      const begun = await fetch(`${repository}/blobs/uploads/`, { method: "POST" });
      const location = begun.headers.get("location") ?? "";
      const whole = pick(
        `GET /v2/victim/repository/blobs/${blob} HTTP/1.1\r\nHost: registry\r\n\r\n`,
        `PATCH ${location} HTTP/1.1\r\nHost: registry\r\nContent-Length: 2000\r\n\r\n${"x".repeat(2000)}`,
        `PUT ${location}?digest=${blob} HTTP/1.1\r\nHost: registry\r\nTransfer-Encoding: chunked\r\n\r\n${"5\r\nhello\r\n".repeat(100)}`,
        `PUT /v2/victim/repository/manifests/gone HTTP/1.1\r\nHost: registry\r\nContent-Length: 1000\r\n\r\n${"{".repeat(1000)}`,
      );
      await connection.write(whole.slice(0, 1 + random.below(whole.length)));
      const way = random.below(4);
      if (way < 2) connection.cut();
      else if (way === 2) connection.endWriting();
      if (random.chance(0.1)) await connection.write("x");
      const cancelled = await fetch(`${registry.url}${location}`, { method: "DELETE" });
      expect([204, 404]).toContain(cancelled.status);
    };
    for (let number = 0; number < 1000; number += 20) await Promise.all(Array.from({ length: 20 }, one));
    // Beside the connections of our own requests, which are kept.
    await until("descriptors are given back", () => descriptors() <= before + 40);
    await until("no upload is left", () => readdirSync(join(folder, "root/uploads")).length === 0);
    await expectServing();
  });

  test("manifests of 100 MB are refused before they are kept, said or unsaid", async () => {
    const before = residentBytes();
    const chunk = Buffer.alloc(MIB, 0x20);
    for (const isChunked of [false, true]) {
      using connection = await RawHttp.open(registry.port);
      const length = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${100 * MIB}`;
      await connection.write(
        `PUT /v2/victim/repository/manifests/huge HTTP/1.1\r\nHost: registry\r\n${length}\r\n\r\n`,
      );
      const answer = connection.read();
      let isAnswered = false;
      void answer.then(() => {
        isAnswered = true;
      });
      for (let sent = 0; sent < 100 && !isAnswered; sent++) {
        await connection.write(
          isChunked ? Buffer.concat([Buffer.from("100000\r\n"), chunk, Buffer.from("\r\n")]) : chunk,
        );
      }
      expect((await answer)?.status).toBe(413);
    }
    expect(residentBytes() - before).toBeLessThan(100 * MIB);
    await expectServing();
  });

  test("300 that send a byte now and then hold nobody else", async () => {
    const slow = await Promise.all(Array.from({ length: 300 }, () => RawHttp.open(registry.port)));
    try {
      const location = (await fetch(`${repository}/blobs/uploads/`, { method: "POST" })).headers.get("location");
      const request = `PATCH ${location} HTTP/1.1\r\nHost: registry\r\nContent-Length: 1000\r\n\r\n`;
      for (const [number, connection] of slow.entries()) {
        await connection.write(number % 2 === 0 ? request.slice(0, 1 + (number % request.length)) : request);
      }
      for (let round = 0; round < 3; round++) {
        await Promise.all(slow.map((connection) => connection.write("x")));
        await expectServing();
      }
    } finally {
      for (const connection of slow) connection.cut();
    }
    await expectServing();
  });

  test("100,000 uploads that are only begun cost a bounded amount of memory, and no file", async () => {
    const request = "POST /v2/victim/repository/blobs/uploads/ HTTP/1.1\r\nHost: registry\r\nContent-Length: 0\r\n\r\n";
    const together = 100;
    const worker = async (rounds: number): Promise<void> => {
      using connection = await RawHttp.open(registry.port);
      for (let round = 0; round < rounds; round++) {
        await connection.write(request.repeat(together));
        for (let count = 0; count < together; count++) expect((await connection.read())?.status).toBe(202);
      }
    };
    await worker(20);
    const before = residentBytes();
    await Promise.all(Array.from({ length: 8 }, () => worker(125)));
    expect(residentBytes() - before).toBeLessThan(150 * MIB);
    expect(readdirSync(join(folder, "root/uploads")).length).toBeLessThan(10);
    await expectServing();
  });

  test("after all of it there is no file outside of the store, no descriptor too many, and no fault was told", async () => {
    const known =
      /^root\/(lock|state\.db|access[^/]*|[a-z-]*(key|secret|token)[^/]*|content\/(oci-layout|index\.json|blobs\/sha(256|512)\/[0-9a-f]+))$/;
    expect(files().filter((path) => !known.test(path))).toEqual([]);
    await until("descriptors are given back", () => descriptors() < 100);
    expect(registry.log.split("\n").filter((line) => /failed:| {4}at /.test(line))).toEqual([]);
  });
});

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (let tries = 0; !isTrue(); tries++) {
    if (tries > 500) throw new Error(`it did not come to it that ${what}`);
    await Bun.sleep(20);
  }
}
