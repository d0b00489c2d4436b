import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { OwnRegistry } from "../../../../test/support/own-registry.ts";
import { pushBlob, refusal } from "../../../../test/support/push-content.ts";
import { RawHttp, rawRequest } from "../../../../test/support/raw-http.ts";
import type { Digest } from "../../../oci/digest.ts";
import { digestOf } from "../../../oci/hash-digest.ts";

let registry: OwnRegistry;
let repository: string;
beforeAll(async () => {
  registry = await OwnRegistry.start();
  repository = `${registry.url}/v2/pushed/to`;
});
afterAll(async () => {
  expect(registry.warnings).toEqual([]);
  await registry[Symbol.asyncDispose]();
});

/** Begins an upload. @returns its path */
async function begin(query = "", into = repository): Promise<string> {
  const response = await fetch(`${into}/blobs/uploads/${query}`, { method: "POST" });
  const location = response.headers.get("location") ?? "";
  const id = response.headers.get("docker-upload-uuid");
  expect({ status: response.status, body: await response.text(), location }).toEqual({
    status: 202,
    body: "",
    location: `${new URL(into).pathname}/blobs/uploads/${id}`,
  });
  return location;
}

async function send(
  method: "PATCH" | "PUT",
  path: string,
  body?: string | Uint8Array | ReadableStream<Uint8Array>,
  range?: string,
): Promise<Response> {
  const headers: Record<string, string> = { "content-type": "application/octet-stream" };
  if (range !== undefined) headers["content-range"] = range;
  return await fetch(`${registry.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body instanceof Uint8Array ? Buffer.from(body) : body }),
  });
}

async function expectStored(response: Response, digest: Digest, bytes: Uint8Array): Promise<void> {
  expect({
    status: response.status,
    body: await response.text(),
    location: response.headers.get("location"),
    digest: response.headers.get("docker-content-digest"),
  }).toEqual({ status: 201, body: "", location: `/v2/pushed/to/blobs/${digest}`, digest });
  const pulled = await fetch(`${repository}/blobs/${digest}`);
  expect(Buffer.from(await pulled.arrayBuffer()).equals(bytes)).toBe(true);
}

async function expectProgress(response: Response, status: number, sizeBytes: number): Promise<void> {
  expect({ status: response.status, range: response.headers.get("range") }).toEqual({
    status,
    range: `0-${Math.max(0, sizeBytes - 1)}`,
  });
  expect(response.headers.get("location")).toMatch(/^\/v2\/pushed\/to\/blobs\/uploads\/[0-9a-f-]{36}$/);
  expect(await response.text()).toBe("");
}

/** Files of uploads that are not finished. */
function unfinished(): string[] {
  return readdirSync(join(registry.root, "uploads"));
}

/** Waits until an upload stands at so many bytes. */
async function untilAt(path: string, sizeBytes: number): Promise<void> {
  for (;;) {
    const response = await fetch(`${registry.url}${path}`);
    if (response.headers.get("range") === `0-${sizeBytes - 1}`) return;
    await pause(2);
  }
}

describe.each(["sha256", "sha512"] as const)("a blob by %s is pushed", (algorithm) => {
  const fresh = (sizeBytes = 600): { readonly bytes: Buffer; readonly digest: Digest } => {
    const bytes = randomBytes(sizeBytes);
    return { bytes, digest: digestOf(bytes, algorithm) };
  };

  test("by one POST", async () => {
    const { bytes, digest } = fresh();
    const response = await fetch(`${repository}/blobs/uploads/?digest=${digest}`, { method: "POST", body: bytes });
    await expectStored(response, digest, bytes);
  });

  test("by POST and PUT", async () => {
    const { bytes, digest } = fresh();
    await expectStored(await send("PUT", `${await begin()}?digest=${digest}`, bytes), digest, bytes);
  });

  test("by POST, a PATCH of unknown length, and PUT", async () => {
    const { bytes, digest } = fresh(300_000);
    const path = await begin();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 50_000) controller.enqueue(bytes.subarray(at, at + 50_000));
        controller.close();
      },
    });
    await expectProgress(await send("PATCH", path, body), 202, bytes.length);
    await expectStored(await send("PUT", `${path}?digest=${digest}`), digest, bytes);
  });

  test.each([false, true])("in chunks, the last of them with the PUT: %p", async (isLastInPut) => {
    const { bytes, digest } = fresh();
    const path = await begin();
    await expectProgress(await send("PATCH", path, bytes.subarray(0, 200), "0-199"), 202, 200);
    await expectProgress(await send("PATCH", path, bytes.subarray(200, 400), "bytes 200-399/*"), 202, 400);
    if (isLastInPut) {
      const last = await send("PUT", `${path}?digest=${digest}`, bytes.subarray(400), "400-599");
      await expectStored(last, digest, bytes);
    } else {
      await expectProgress(await send("PATCH", path, bytes.subarray(400), "400-599"), 202, 600);
      await expectStored(await send("PUT", `${path}?digest=${digest}`), digest, bytes);
    }
  });

  test.each(["PATCH", "PUT"] as const)("though a chunk came too early or twice, by %s", async (method) => {
    const { bytes, digest } = fresh();
    const path = await begin();
    const target = method === "PUT" ? `${path}?digest=${digest}` : path;
    for (const at of [0, 200, 400]) {
      for (const wrong of [at + 200, at - 200].filter((start) => start >= 0 && start < 600)) {
        const early = await send(method, target, bytes.subarray(wrong, wrong + 200), `${wrong}-${wrong + 199}`);
        expect(await refusal(early)).toEqual({ status: 416, codes: ["BLOB_UPLOAD_INVALID"] });
        await expectProgress(await fetch(`${registry.url}${path}`), 204, at);
      }
      const right = await send("PATCH", path, bytes.subarray(at, at + 200), `${at}-${at + 199}`);
      await expectProgress(right, 202, at + 200);
    }
    await expectStored(await send("PUT", `${path}?digest=${digest}`), digest, bytes);
  });

  test("after its algorithm was said at the beginning", async () => {
    const { bytes, digest } = fresh();
    const path = await begin(`?digest-algorithm=${algorithm}`);
    await expectStored(await send("PUT", `${path}?digest=${digest}`, bytes), digest, bytes);
  });

  test("with its digest in percent signs", async () => {
    const { bytes, digest } = fresh();
    const path = `${await begin()}?digest=${encodeURIComponent(digest)}`;
    await expectStored(await send("PUT", path, bytes), digest, bytes);
  });

  test("twice, and is there once", async () => {
    const { bytes, digest } = fresh();
    for (let count = 0; count < 2; count++) {
      await expectStored(await send("PUT", `${await begin()}?digest=${digest}`, bytes), digest, bytes);
    }
    expect(unfinished()).toEqual([]);
  });

  test("and refused if it hashes to something else, however it came: nothing of it is left", async () => {
    const { bytes, digest } = fresh();
    const wrong = Buffer.concat([bytes, Buffer.from("oh no")]);
    const whole = await fetch(`${repository}/blobs/uploads/?digest=${digest}`, { method: "POST", body: wrong });
    expect(await refusal(whole)).toEqual({ status: 400, codes: ["DIGEST_INVALID"] });
    const put = await begin();
    const chunked = await begin();
    await send("PATCH", chunked, wrong.subarray(0, 300), "0-299");
    const streamed = await begin();
    await send("PATCH", streamed, wrong);
    for (const [path, body] of [
      [put, wrong],
      [chunked, wrong.subarray(300)],
      [streamed, undefined],
    ] as const) {
      const response = await send("PUT", `${path}?digest=${digest}`, body);
      expect(await refusal(response)).toEqual({ status: 400, codes: ["DIGEST_INVALID"] });
      expect((await fetch(`${registry.url}${path}`)).status).toBe(404);
    }
    expect((await fetch(`${repository}/blobs/${digest}`, { method: "HEAD" })).status).toBe(404);
    expect(unfinished()).toEqual([]);
  });

  test("by mounting it from another repository, and by a mount that says no repository", async () => {
    for (const from of ["&from=other/one", ""]) {
      const { bytes, digest } = fresh();
      await pushBlob(`${registry.url}/v2/other/one`, bytes, algorithm);
      expect((await fetch(`${repository}/blobs/${digest}`, { method: "HEAD" })).status).toBe(404);
      const query = `?mount=${encodeURIComponent(digest)}${from}`;
      await expectStored(await fetch(`${repository}/blobs/uploads/${query}`, { method: "POST" }), digest, bytes);
    }
  });

  test("after a mount that found nothing began an upload", async () => {
    const { bytes, digest } = fresh();
    await pushBlob(`${registry.url}/v2/other/two`, bytes, algorithm);
    // The repository that is named does not hold it, though another one does.
    const path = await begin(`?mount=${digest}&from=other/one`);
    await expectStored(await send("PUT", `${path}?digest=${digest}`, bytes), digest, bytes);
    const nowhere = fresh();
    const begun = await begin(`?mount=${nowhere.digest}`);
    await expectStored(
      await send("PUT", `${begun}?digest=${nowhere.digest}`, nowhere.bytes),
      nowhere.digest,
      nowhere.bytes,
    );
  });
});

describe("an upload", () => {
  test("that is cancelled is gone, and what came of it", async () => {
    for (const body of [undefined, "some bytes"]) {
      const path = await begin();
      if (body !== undefined) await send("PATCH", path, body);
      const cancelled = await fetch(`${registry.url}${path}`, { method: "DELETE" });
      expect(cancelled.status).toBe(204);
      for (const method of ["GET", "DELETE"]) {
        const again = await fetch(`${registry.url}${path}`, { method });
        expect(await refusal(again)).toEqual({ status: 404, codes: ["BLOB_UPLOAD_UNKNOWN"] });
      }
    }
    expect(unfinished()).toEqual([]);
  });

  test("is begun without the slash at the end, too", async () => {
    expect((await fetch(`${repository}/blobs/uploads`, { method: "POST" })).status).toBe(202);
  });

  test.each([
    ["?digest-algorithm=md5", 400, "DIGEST_INVALID"],
    ["?digest=sha256:abc", 400, "DIGEST_INVALID"],
    ["?mount=sha256:abc", 400, "DIGEST_INVALID"],
    [`?mount=sha256:${"0".repeat(64)}&from=UPPER`, 400, "NAME_INVALID"],
  ])("is not begun by %s", async (query, status, code) => {
    const response = await fetch(`${repository}/blobs/uploads/${query}`, { method: "POST" });
    expect(await refusal(response)).toEqual({ status, codes: [code] });
  });

  test("is not finished without a digest, and can be finished then", async () => {
    const path = await begin();
    await send("PATCH", path, "abc");
    for (const query of ["", "?digest=", "?digest=sha256:abc"]) {
      expect(await refusal(await send("PUT", `${path}${query}`))).toEqual({ status: 400, codes: ["DIGEST_INVALID"] });
    }
    expect((await send("PUT", `${path}?digest=${digestOf("abc")}`)).status).toBe(201);
  });

  test("of one repository is not known in another", async () => {
    const path = await begin();
    await send("PATCH", path, "secret");
    const elsewhere = path.replace("/v2/pushed/to/", "/v2/other/one/");
    const digest = digestOf("secret");
    for (const response of [
      await fetch(`${registry.url}${elsewhere}`),
      await send("PATCH", elsewhere, "more"),
      await send("PUT", `${elsewhere}?digest=${digest}`),
      await fetch(`${registry.url}${elsewhere}`, { method: "DELETE" }),
    ]) {
      expect(await refusal(response)).toEqual({ status: 404, codes: ["BLOB_UPLOAD_UNKNOWN"] });
    }
    expect((await send("PUT", `${path}?digest=${digest}`)).status).toBe(201);
  });

  test.each(["5-4", "a-b", "0-", "-5", "bytes=0-4,6-7", "0-4/x"])(
    "refuses a chunk whose Content-Range is %p, and takes nothing of it",
    async (range) => {
      const path = await begin();
      const response = await send("PATCH", path, "12345", range);
      expect(await refusal(response)).toEqual({ status: 400, codes: ["BLOB_UPLOAD_INVALID"] });
      await expectProgress(await fetch(`${registry.url}${path}`), 204, 0);
    },
  );

  test("refuses a chunk that is longer or shorter than its Content-Range, and takes nothing of it", async () => {
    const path = await begin();
    for (const range of ["0-2", "0-9"]) {
      expect(await refusal(await send("PATCH", path, "12345", range))).toEqual({
        status: 400,
        codes: ["SIZE_INVALID"],
      });
      await expectProgress(await fetch(`${registry.url}${path}`), 204, 0);
    }
  });

  test("says that a chunk of unknown length was not as long as its Content-Range, and goes on behind it", async () => {
    const path = await begin();
    const lines = ["Host: registry", "Transfer-Encoding: chunked", "Content-Range: 0-9"];
    const response = await rawRequest(registry.port, [`PATCH ${path} HTTP/1.1`, ...lines], "5\r\n12345\r\n0\r\n\r\n");
    expect(response?.status).toBe(400);
    await expectProgress(await fetch(`${registry.url}${path}`), 204, 5);
    expect((await send("PATCH", path, "67890", "5-9")).status).toBe(202);
    expect((await send("PUT", `${path}?digest=${digestOf("1234567890")}`)).status).toBe(201);
  });

  test.each(["PATCH", "PUT"])("goes on where its connection broke, during %s", async (method) => {
    const bytes = randomBytes(100_000);
    const digest = digestOf(bytes);
    const path = await begin();
    {
      using connection = await RawHttp.open(registry.port);
      const query = method === "PUT" ? `?digest=${digest}` : "";
      await connection.write(`${method} ${path}${query} HTTP/1.1\r\nHost: registry\r\nContent-Length: 100000\r\n\r\n`);
      await connection.write(bytes.subarray(0, 40_000));
      await untilAt(path, 40_000);
      connection.cut();
    }
    await expectProgress(await fetch(`${registry.url}${path}`), 204, 40_000);
    const rest = await send("PUT", `${path}?digest=${digest}`, bytes.subarray(40_000), "40000-99999");
    await expectStored(rest, digest, bytes);
  });

  test("whose client closes its side in the middle of the body keeps what came", async () => {
    const path = await begin();
    using connection = await RawHttp.open(registry.port);
    await connection.write(
      `PUT ${path}?digest=${digestOf("12345")} HTTP/1.1\r\nHost: registry\r\nContent-Length: 100\r\n\r\n12345`,
    );
    await untilAt(path, 5);
    connection.endWriting();
    // The bytes hash to the digest that was asked for; but 95 more were promised.
    expect((await connection.readToEnd()).toString()).not.toStartWith("HTTP/1.1 2");
    await expectProgress(await fetch(`${registry.url}${path}`), 204, 5);
  });

  test("that came whole with its POST leaves nothing when the connection breaks", async () => {
    const before = unfinished();
    using connection = await RawHttp.open(registry.port);
    await connection.write(
      `POST /v2/pushed/to/blobs/uploads/?digest=${digestOf("x")} HTTP/1.1\r\nHost: registry\r\nContent-Length: 100\r\n\r\n12345`,
    );
    while (unfinished().length === before.length) await pause(2);
    connection.cut();
    while (unfinished().length > before.length) await pause(2);
  });

  test("goes on after the process was ended", async () => {
    const bytes = randomBytes(50_000);
    const digest = digestOf(bytes, "sha512");
    await using killed = await OwnRegistry.start();
    const path = await begin("", `${killed.url}/v2/pushed/to`);
    await fetch(`${killed.url}${path}`, { method: "PATCH", body: bytes.subarray(0, 20_000) });
    // As a killed one does: nothing is closed, nothing is told, and nobody asks it any more.
    await using successor = await OwnRegistry.start({ root: killed.root });
    const url = `${successor.url}${path}`;
    await expectProgress(await fetch(url), 204, 20_000);
    const response = await fetch(`${url}?digest=${digest}`, {
      method: "PUT",
      body: bytes.subarray(20_000),
      headers: { "content-range": "20000-49999" },
    });
    expect(response.status).toBe(201);
    expect(successor.stored()).toContain(digest);
  });

  test("belongs to the newest of two requests that write to it", async () => {
    const bytes = randomBytes(60_000);
    const digest = digestOf(bytes);
    const path = await begin();
    using older = await RawHttp.open(registry.port);
    await older.write(`PATCH ${path} HTTP/1.1\r\nHost: registry\r\nContent-Length: 60000\r\n\r\n`);
    await older.write(bytes.subarray(0, 20_000));
    await untilAt(path, 20_000);
    // Its client was cut off, believes it, and goes on.
    const newer = await send("PUT", `${path}?digest=${digest}`, bytes.subarray(20_000), "20000-59999");
    await expectStored(newer, digest, bytes);
    await older.write(randomBytes(40_000));
    expect((await older.read())?.status).toBe(409);
    const pulled = await fetch(`${repository}/blobs/${digest}`);
    expect(Buffer.from(await pulled.arrayBuffer()).equals(bytes)).toBe(true);
  });
});
