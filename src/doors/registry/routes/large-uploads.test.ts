import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { OwnRegistry } from "../../../../test/support/own-registry.ts";
import { RawHttp, type RawResponse } from "../../../../test/support/raw-http.ts";
import { digestOf } from "../../../oci/hash-digest.ts";

// Bodies that are long enough for threads that take them from their connections (`BodyReceiver`).
const SIZE_BYTES = 9_000_001;
const HALF_BYTES = 5_000_000;
const MIB = 1 << 20;

let registry: OwnRegistry;
let repository: string;
beforeAll(async () => {
  registry = await OwnRegistry.start();
  repository = `${registry.url}/v2/large/blobs`;
});
afterAll(async () => {
  expect(registry.warnings).toEqual([]);
  expect(readdirSync(join(registry.root, "uploads"))).toEqual([]);
  await registry[Symbol.asyncDispose]();
});

async function begin(): Promise<string> {
  const response = await fetch(`${repository}/uploads/`, { method: "POST" });
  return response.headers.get("location") ?? "";
}

async function offsetOf(path: string): Promise<number> {
  const response = await fetch(`${registry.url}${path}`);
  return response.status === 204 ? Number(response.headers.get("range")?.split("-")[1]) + 1 : -1;
}

/** Begins a request on a connection of its own, and sends the first bytes of its body. */
async function open(
  request: string,
  bytes: Uint8Array,
  { sentBytes = bytes.byteLength, pauseMs = 0 } = {},
): Promise<RawHttp> {
  const connection = await RawHttp.open(registry.port);
  await connection.write(`${request} HTTP/1.1\r\nHost: registry\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`);
  for (let start = 0; start < sentBytes; start += MIB) {
    await connection.write(bytes.subarray(start, Math.min(start + MIB, sentBytes)));
    if (pauseMs > 0) await pause(pauseMs);
  }
  return connection;
}

async function push(request: string, bytes: Uint8Array, pauseMs = 0): Promise<RawResponse | undefined> {
  using connection = await open(request, bytes, { pauseMs });
  return await connection.read();
}

async function expectStored(bytes: Uint8Array): Promise<void> {
  const pulled = await fetch(`${repository}/${digestOf(bytes)}`);
  expect(pulled.status).toBe(200);
  expect(digestOf(Buffer.from(await pulled.arrayBuffer()))).toBe(digestOf(bytes));
}

test.each(["POST", "PUT"])(
  "large blobs that many push by %s at once, quickly and slowly, come whole",
  async (method) => {
    const work = async (index: number): Promise<void> => {
      const bytes = randomBytes(SIZE_BYTES + index);
      const path = method === "POST" ? "/v2/large/blobs/uploads/" : await begin();
      const response = await push(`${method} ${path}?digest=${digestOf(bytes)}`, bytes, index);
      expect(response?.status).toBe(201);
      await expectStored(bytes);
    };
    await Promise.all(Array.from({ length: 8 }, (_, index) => work(index)));
  },
);

test("a large upload of which little comes at first is taken from its connection like any other", async () => {
  const bytes = randomBytes(3 * SIZE_BYTES);
  const path = await begin();
  using connection = await open(`PUT ${path}?digest=${digestOf(bytes)}`, bytes, { sentBytes: 1000 });
  while ((await offsetOf(path)) < 1000) await pause(2);
  await connection.write(bytes.subarray(1000));
  const response = await connection.read();
  expect(response?.status).toBe(201);
  // What ends it is that bytes went past node:http.
  expect(response?.headers.connection).toBe("close");
});

test("a large upload by chunks comes whole", async () => {
  const bytes = randomBytes(3 * SIZE_BYTES);
  const path = await begin();
  for (const part of [0, 1, 2]) {
    const chunk = bytes.subarray(part * SIZE_BYTES, (part + 1) * SIZE_BYTES);
    expect((await push(`PATCH ${path}`, chunk))?.status).toBe(202);
    expect(await offsetOf(path)).toBe((part + 1) * SIZE_BYTES);
  }
  const response = await fetch(`${registry.url}${path}?digest=${digestOf(bytes)}`, { method: "PUT" });
  expect(response.status).toBe(201);
  await expectStored(bytes);
});

test.each(["PATCH", "PUT"])("a large upload goes on where its connection broke, during %s", async (method) => {
  const bytes = randomBytes(SIZE_BYTES);
  const path = await begin();
  const request = `${method} ${path}${method === "PUT" ? `?digest=${digestOf(bytes)}` : ""}`;
  using broken = await open(request, bytes, { sentBytes: HALF_BYTES });
  while ((await offsetOf(path)) < HALF_BYTES) await pause(2);
  broken.cut();
  const rest = bytes.subarray(await offsetOf(path));
  expect((await push(`PUT ${path}?digest=${digestOf(bytes)}`, rest))?.status).toBe(201);
  await expectStored(bytes);
});

test("a large upload belongs to the newest of two requests that write to it", async () => {
  const bytes = randomBytes(2 * SIZE_BYTES);
  const path = await begin();
  using older = await open(`PATCH ${path}`, bytes, { sentBytes: SIZE_BYTES });
  while ((await offsetOf(path)) < SIZE_BYTES) await pause(2);
  const newer = await push(`PUT ${path}?digest=${digestOf(bytes)}`, bytes.subarray(SIZE_BYTES));
  expect(newer?.status).toBe(201);
  await older.write(randomBytes(SIZE_BYTES));
  expect((await older.read())?.status).toBe(409);
  await expectStored(bytes);
});

test("a large upload that hashes to something else is refused and leaves nothing", async () => {
  const bytes = randomBytes(SIZE_BYTES);
  const response = await push(`PUT ${await begin()}?digest=${digestOf("else")}`, bytes);
  expect(response?.status).toBe(400);
  expect(response?.body.toString()).toContain(`hash to ${digestOf(bytes)}, not to ${digestOf("else")}`);
  expect(registry.stored()).not.toContain(digestOf(bytes));
});

test("a large upload can be cancelled in its middle", async () => {
  const path = await begin();
  using connection = await open(`PATCH ${path}`, randomBytes(SIZE_BYTES), { sentBytes: HALF_BYTES });
  while ((await offsetOf(path)) < HALF_BYTES) await pause(2);
  expect((await fetch(`${registry.url}${path}`, { method: "DELETE" })).status).toBe(204);
  expect((await connection.read())?.status).toBeGreaterThanOrEqual(400);
  expect(await offsetOf(path)).toBe(-1);
});

test("what is written of a large upload that stands still is what came", async () => {
  const bytes = randomBytes(SIZE_BYTES);
  const path = await begin();
  using connection = await open(`PATCH ${path}`, bytes, { sentBytes: HALF_BYTES });
  while ((await offsetOf(path)) < HALF_BYTES) await pause(2);
  const [name = ""] = readdirSync(join(registry.root, "uploads"));
  const written = readFileSync(join(registry.root, "uploads", name));
  expect(digestOf(written)).toBe(digestOf(bytes.subarray(0, HALF_BYTES)));
  connection.cut();
  await fetch(`${registry.url}${path}`, { method: "DELETE" });
});
