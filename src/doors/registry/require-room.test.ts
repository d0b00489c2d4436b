import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { OwnRegistry } from "../../../test/support/own-registry.ts";
import { RawHttp } from "../../../test/support/raw-http.ts";
import { digestOf } from "../../oci/hash-digest.ts";

const QUOTA_BYTES = 4_000_000;

const root = mkdtempSync(join(tmpdir(), "gantry-room-"));
let registry: OwnRegistry;
let count = 0;
/** One that no other test has, with a quota of its own. */
let repository: string;

beforeAll(async () => {
  const quota = (name: string): string => `[[quotas]]\nrepositories = ["${name}"]\nmax_bytes = ${QUOTA_BYTES}\n`;
  writeFileSync(join(root, "access.toml"), Array.from({ length: 20 }, (_, index) => quota(`room/n${index}`)).join(""));
  registry = await OwnRegistry.start({ root });
});
beforeEach(() => {
  repository = `room/n${count}`;
  count += 1;
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

async function begin(): Promise<string> {
  const response = await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  return response.headers.get("location") ?? "";
}

/** Begins to send a body. @param length none: it comes in chunks */
async function open(path: string, length?: number): Promise<RawHttp> {
  const connection = await RawHttp.open(registry.port);
  const size = length === undefined ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`;
  await connection.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\n${size}\r\n\r\n`);
  return connection;
}

const chunk = (sizeBytes: number): string => `${sizeBytes.toString(16)}\r\n${"x".repeat(sizeBytes)}\r\n`;

async function offsetOf(path: string): Promise<number | undefined> {
  const response = await fetch(`${registry.url}${path}`);
  const end = /-(\d+)$/.exec(response.headers.get("range") ?? "")?.[1];
  return end === undefined ? undefined : Number(end) + 1;
}

async function untilAt(path: string, sizeBytes: number): Promise<void> {
  while ((await offsetOf(path)) !== sizeBytes) await pause(2);
}

async function patch(sizeBytes: number): Promise<number> {
  const response = await fetch(`${registry.url}${await begin()}`, { method: "PATCH", body: randomBytes(sizeBytes) });
  await response.text();
  return response.status;
}

/** Waits until all is gone that other clients were let send. */
async function untilRoomFor(sizeBytes: number): Promise<void> {
  while ((await patch(sizeBytes)) !== 202) await pause(2);
}

/** What uploads take on the disk. */
function uploadedBytes(): number {
  return readdirSync(join(root, "uploads"), { withFileTypes: true })
    .map((entry) => statSync(join(root, "uploads", entry.name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}

test("a manifest that is there needs no room, by whichever tag or digest it comes again", async () => {
  const push = async (name: string, body = "{}"): Promise<number> => {
    const headers = { "content-type": "application/x.note+json" };
    const url = `${registry.url}/v2/${repository}/manifests/${name}`;
    return (await fetch(url, { method: "PUT", headers, body })).status;
  };
  expect([await push("one"), await patch(QUOTA_BYTES - 2)]).toEqual([201, 202]);
  expect([await push("two", "[]"), await push("two"), await push("one"), await push(digestOf("{}"))]).toEqual([
    403, 201, 201, 201,
  ]);
});

describe("room that was given to one upload is not given to another", () => {
  test("which says how long it is, before it has come, and is there again once its connection broke", async () => {
    const path = await begin();
    using first = await open(path, 3_000_000);
    await first.write("xx");
    await untilAt(path, 2);
    expect(await patch(1_000_001)).toBe(403);
    expect(await patch(999_998)).toBe(202);
    first.cut();
    await untilRoomFor(QUOTA_BYTES - 999_998 - 2);
    expect(await patch(1)).toBe(403);
  });

  test("nor to a manifest, or a blob that is mounted", async () => {
    const body = randomBytes(1_000_000);
    const stored = await fetch(`${registry.url}/v2/elsewhere/blobs/uploads/?digest=${digestOf(body)}`, {
      method: "POST",
      body,
    });
    expect(stored.status).toBe(201);
    const path = await begin();
    using first = await open(path, QUOTA_BYTES);
    await first.write("xx");
    await untilAt(path, 2);
    const note = async (): Promise<number> =>
      (
        await fetch(`${registry.url}/v2/${repository}/manifests/note`, {
          method: "PUT",
          headers: { "content-type": "application/x.note+json" },
          body: "{}",
        })
      ).status;
    const mount = async (): Promise<number> =>
      (
        await fetch(`${registry.url}/v2/${repository}/blobs/uploads/?mount=${digestOf(body)}&from=elsewhere`, {
          method: "POST",
        })
      ).status;
    expect([await note(), await mount()]).toEqual([403, 403]);
    expect((await fetch(`${registry.url}${path}`, { method: "DELETE" })).status).toBe(204);
    expect([await note(), await mount()]).toEqual([201, 201]);
  });

  test("however many send chunks at once: those that came first have it, to the last byte", async () => {
    const paths = [await begin(), await begin(), await begin()];
    using first = await open(paths[0] ?? "");
    using second = await open(paths[1] ?? "");
    using third = await open(paths[2] ?? "");
    const senders = [first, second, third];
    for (const [sizeBytes, sumBytes] of [
      [100, 100],
      [1_000_000, 1_000_100],
    ] as const) {
      for (const [index, sender] of senders.entries()) {
        await sender.write(chunk(sizeBytes));
        await untilAt(paths[index] ?? "", sumBytes);
      }
    }
    await third.write(chunk(QUOTA_BYTES - 3_000_300 + 1));
    expect((await third.read())?.status).toBe(403);
    await second.write(chunk(QUOTA_BYTES - 2_000_200));
    await untilAt(paths[1] ?? "", QUOTA_BYTES - 1_000_100);
    await first.write(chunk(1));
    expect((await first.read())?.status).toBe(403);
    await second.write("0\r\n\r\n");
    expect((await second.read())?.status).toBe(202);
  });

  test("and what was not used is given back, whatever became of it", async () => {
    const refused = await begin();
    expect(
      (await fetch(`${registry.url}${refused}`, { method: "PATCH", body: "x", headers: { "content-range": "5-5" } }))
        .status,
    ).toBe(416);
    const older = await begin();
    using abandoned = await open(older, 3_000_000);
    await abandoned.write("xx");
    await untilAt(older, 2);
    // Who goes on with it sends less.
    expect((await fetch(`${registry.url}${older}`, { method: "PATCH", body: "yy" })).status).toBe(202);
    const wrong = randomBytes(3_000_000);
    const mistaken = await fetch(`${registry.url}${await begin()}?digest=${digestOf("else")}`, {
      method: "PUT",
      body: wrong,
    });
    expect(mistaken.status).toBe(400);
    expect((await fetch(`${registry.url}${older}`, { method: "DELETE" })).status).toBe(204);
    expect(await patch(QUOTA_BYTES)).toBe(202);
  });

  test("so that what many send, long and short, never takes more than there may be", async () => {
    let most = 0;
    let isOver = false;
    const others = uploadedBytes();
    const watching = (async () => {
      for (; !isOver; await pause(1)) most = Math.max(most, uploadedBytes() - others);
    })();
    const stored = new Set<number>();
    const push = async (index: number): Promise<void> => {
      const body = randomBytes(1_500_000 + index);
      const inChunks = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < body.length; at += 100_000) controller.enqueue(body.subarray(at, at + 100_000));
          controller.close();
        },
      });
      const url = `${registry.url}${await begin()}`;
      const sent = await fetch(url, { method: "PATCH", body: index % 2 === 0 ? body : inChunks });
      await sent.text();
      if (sent.status === 202) stored.add(index);
      else expect(sent.status).toBe(403);
    };
    await Promise.all(Array.from({ length: 12 }, (_, index) => push(index)));
    isOver = true;
    await watching;
    expect([...stored].length).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(QUOTA_BYTES);
  });
});
