import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMakeCertificates } from "../../../test/support/certificates.ts";
import {
  answerOf,
  makeServerTls,
  openOfKind,
  openTls,
  pause,
  SERVER_KINDS,
  tlsOfKind,
} from "../../../test/support/http-clients.ts";
import { fileBody } from "./file-body.ts";
import { type HttpServer, serveHttp } from "./http-server.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import type { ServerTls } from "./server-tls.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-http-"));
afterAll(() => rmSync(folder, { recursive: true }));

function serve(tls: ServerTls, handle: HttpServerOptions["handle"]): Promise<HttpServer> {
  return serveHttp({ hostname: "127.0.0.1", port: 0, tls, handle });
}

describe.skipIf(!canMakeCertificates()).each(SERVER_KINDS)("a server, %s,", (kind) => {
  const begin = async (
    handle: HttpServerOptions["handle"],
    more: Pick<HttpServerOptions, "onUnreadable" | "onBadRequest"> = {},
  ): Promise<{ server: HttpServer; socket: Socket }> => {
    const server = await serveHttp({ hostname: "127.0.0.1", port: 0, ...tlsOfKind(kind, folder), ...more, handle });
    return { server, socket: await openOfKind(kind, server) };
  };

  test("takes a body no faster than it is read, and all of it", async () => {
    const gate = Promise.withResolvers<void>();
    const { server, socket } = await begin(async (request) => {
      let sizeBytes = 0;
      for await (const chunk of request.body ?? []) {
        sizeBytes += chunk.byteLength;
        await gate.promise;
      }
      return new Response(String(sizeBytes));
    });
    const count = 64;
    const mib = 1024 * 1024;
    const answer = answerOf(socket);
    socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${count * mib}\r\n\r\n`);
    let sent = 0;
    const sending = (async () => {
      for (; sent < count; sent += 1) if (!socket.write(new Uint8Array(mib))) await once(socket, "drain");
    })();
    await Promise.race([sending, pause(1500)]);
    expect(sent).toBeLessThan(count);
    gate.resolve();
    await sending;
    expect(await answer).toContain(`\r\n${count * mib}`);
    await server.close();
  }, 30_000);

  test("tells whoever reads a body that its connection broke", async () => {
    const failed = Promise.withResolvers<string>();
    const { server, socket } = await begin(async (request) => {
      const reading = request.text().then(
        () => "whole",
        () => "broken",
      );
      failed.resolve(await reading);
      return new Response();
    });
    socket.write("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome");
    await pause(100);
    socket.destroy();
    expect(await failed.promise).toBe("broken");
    await server.close();
  });

  /** The later a request comes, the sooner it could be answered. */
  const slowToFast: HttpServerOptions["handle"] = async (request) => {
    const body = await request.text();
    await pause(60 - 20 * Number(request.url.at(-1)));
    return new Response(`[${request.method} ${request.url.at(-1)} ${body}]`);
  };
  const mixed = [
    "PUT /0 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none",
    "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "PUT /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n",
    "DELETE /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  ].join("");

  test("answers requests that come together one after the other, each with its own answer, whole", async () => {
    const { server, socket } = await begin(slowToFast);
    const answer = answerOf(socket);
    socket.write(mixed);
    const bodies = (await answer).split(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\n/);
    expect(bodies).toEqual(["", "[PUT 0 one]", "[GET 1 ]", "[PUT 2 three]", "[DELETE 3 ]"]);
    await server.close();
  });

  test("lives on when clients hang up that asked for several things at once", async () => {
    const { server, socket } = await begin(slowToFast);
    socket.destroy();
    const one = async (): Promise<void> => {
      const client = kind === "plain" ? connectTcp(server.port, "127.0.0.1") : await openTls(server);
      client.on("error", () => {}).write(mixed);
      await pause(5 + Math.random() * 100);
      client.resetAndDestroy();
    };
    for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 20 }, one));
    await server.close();
  });

  test("does not begin with a request before the one before it is answered, and ends who sends very many", async () => {
    let asked = 0;
    const gate = Promise.withResolvers<void>();
    const { server, socket } = await begin(async () => {
      asked += 1;
      await gate.promise;
      return new Response();
    });
    const ended = once(socket, "close");
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
    await ended;
    gate.resolve();
    expect(asked).toBe(1);
    await server.close();
  });

  test("answers a client that says with its request that it sends no more", async () => {
    const { server, socket } = await begin(slowToFast);
    const answer = answerOf(socket);
    socket.end("GET /0 HTTP/1.0\r\n\r\n");
    expect(await answer).toEndWith("\r\n\r\n[GET 0 ]");
    await server.close();
  });

  test.each([
    ["OPTIONS *", ""],
    ["CONNECT other.test:443", "\r\n\r\nno path$"],
  ])("refuses `%s`, and does not do what is asked after it", async (asking, end) => {
    const asked: string[] = [];
    const handle: HttpServerOptions["handle"] = async ({ url }) => {
      asked.push(url);
      return new Response();
    };
    const { server, socket } = await begin(handle, { onBadRequest: () => new Response("no path", { status: 400 }) });
    const answer = answerOf(socket);
    socket.write(`${asking} HTTP/1.1\r\nHost: a\r\n\r\nGET /here HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await answer).toMatch(new RegExp(`^HTTP/1.1 400 Bad Request\r\n[^]*connection: close\r\n[^]*${end}`, "i"));
    expect(asked).toEqual([]);
    await server.close();
  });

  test.each([
    "GET / HTTP/1.1",
    "GET http://other.test/ HTTP/1.1",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
    "GET / HTTP/1.0\r\nHost: a\r\nHost: b",
    "GET /b HTTP/1.1\r\nHost: a/v2",
    "GET / HTTP/1.1\r\nHost: a b[",
    "GET / HTTP/1.1\r\nHost:",
  ])("refuses a request that does not say its host, one, and a host (%j), and does nothing after it", async (head) => {
    const asked: string[] = [];
    const { server, socket } = await begin(async ({ url }) => {
      asked.push(url);
      return new Response();
    });
    const answer = answerOf(socket);
    socket.write(`${head}\r\n\r\nGET /here HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*connection: close\r\n/i);
    expect(asked).toEqual([]);
    await server.close();
  });

  test.each([
    ["nothing", "", ""],
    ["half a request", "GET / HTTP/1.1\r\nHo", ""],
    ["half a request after a whole one", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHo"],
  ])("closes although somebody is connected and has sent %s", async (_, first, second) => {
    const { server, socket } = await begin(async () => new Response());
    socket.on("data", () => socket.write(second));
    socket.write(first);
    // What was sent is known here once another one, who came later, was served.
    const other = kind === "plain" ? connectTcp(server.port, "127.0.0.1") : await openTls(server);
    const served = once(other, "data");
    other.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await served;
    expect(await Promise.race([server.close(), pause(1500)])).toBeUndefined();
    socket.destroy();
  });

  test("ends at its close a connection as soon as it is answered there", async () => {
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const { server, socket } = await begin(async () => {
      asked.resolve();
      await gate.promise;
      return new Response("here");
    });
    const answer = answerOf(socket);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await asked.promise;
    const closed = server.close();
    gate.resolve();
    expect(await Promise.race([closed, pause(1500)])).toBeUndefined();
    expect(await answer).toEndWith("here");
  });

  test.each(["in memory", "a file"])(
    "lets at its close a slow client have the answer that it has begun to read: %s",
    async (what) => {
      const path = join(folder, "slowly");
      const bytes = randomBytes(20_000_000);
      writeFileSync(path, bytes);
      const headers = { "content-length": String(bytes.byteLength) };
      const { server, socket } = await begin(async () =>
        what === "in memory" ? new Response(bytes) : new Response(fileBody(path, 0, bytes.byteLength), { headers }),
      );
      const received: Buffer[] = [];
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      const [first] = await once(socket, "data");
      received.push(first as Buffer);
      socket.pause();
      const closed = server.close();
      await pause(300);
      socket.on("data", (chunk: Buffer) => received.push(chunk)).resume();
      await once(socket, "close");
      await closed;
      const whole = Buffer.concat(received);
      expect(whole.subarray(whole.indexOf("\r\n\r\n") + 4).equals(bytes)).toBe(true);
    },
  );

  test("waits at its close for no client that does not read its answer", async () => {
    const { server, socket } = await begin(async () => new Response(randomBytes(20_000_000)));
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    await server.close();
    socket.destroy();
  });

  test("is asked as a proxy is, too: the host of the target counts", async () => {
    const { server, socket } = await begin(async ({ url }) => new Response(url));
    const answer = answerOf(socket);
    socket.write("GET http://other.test:1/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await answer).toMatch(/\r\n\r\nhttps?:\/\/other\.test:1\/a\?b$/);
    await server.close();
  });

  test("sends a span of a file, and ends the connection if the file is too short for it", async () => {
    const path = join(folder, "file");
    const bytes = randomBytes(2_000_000);
    writeFileSync(path, bytes);
    const handle: HttpServerOptions["handle"] = async ({ url }) => {
      const end = url.endsWith("/long") ? 3_000_000 : 1_700_001;
      return new Response(fileBody(path, 3, end), { headers: { "content-length": String(end - 3) } });
    };
    const { server, socket } = await begin(handle);
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    const closed = once(socket, "close");
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /long HTTP/1.1\r\nHost: x\r\n\r\n");
    await closed;
    const whole = Buffer.concat(received);
    const start = whole.indexOf("\r\n\r\n") + 4;
    expect(whole.subarray(start, start + 1_699_998).equals(bytes.subarray(3, 1_700_001))).toBe(true);
    expect(whole.subarray(start + 1_699_998).toString("latin1")).toStartWith("HTTP/1.1 200 OK");
    await server.close();
  });

  test("sends files as they are to who takes them slowly, many at once: their memory is given back meanwhile", async () => {
    const sizes = [1000, 100_000, 524_288, 700_000, 1_048_575, 5_000_000];
    const files = sizes.map((sizeBytes) => ({
      path: join(folder, `of-${sizeBytes}`),
      bytes: randomBytes(sizeBytes),
    }));
    for (const { path, bytes } of files) writeFileSync(path, bytes);
    const handle: HttpServerOptions["handle"] = async ({ url }) => {
      const { path = "", bytes } = files[Number(new URL(url).pathname.slice(1))] ?? {};
      const length = bytes?.byteLength ?? 0;
      return new Response(fileBody(path, 0, length), { headers: { "content-length": String(length) } });
    };
    const { server, socket } = await begin(handle);
    socket.destroy();
    const take = async (index: number, pauseMs: number): Promise<void> => {
      const own = kind === "plain" ? connectTcp(server.port, "127.0.0.1") : await openTls(server);
      own.write(`GET /${index} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await pause(20 * pauseMs);
      const pieces: Buffer[] = [];
      for await (const piece of own) {
        pieces.push(piece as Buffer);
        if (pauseMs > 0) await pause(pauseMs);
      }
      const whole = Buffer.concat(pieces);
      const body = whole.subarray(whole.indexOf("\r\n\r\n") + 4);
      expect(body.equals(files[index]?.bytes ?? Buffer.alloc(0))).toBe(true);
    };
    await Promise.all(sizes.flatMap((_, index) => [0, 0, 1, 2, 5].map((pauseMs) => take(index, pauseMs))));
    await server.close();
  });

  test("says that a file cannot be read, if that is known before its first byte", async () => {
    const handle = async (): Promise<Response> =>
      new Response(fileBody(join(folder, "none"), 0, 10), { headers: { "content-length": "10" } });
    const headers = { connection: "close", "content-length": "6" };
    const onUnreadable = (error: unknown): Response =>
      new Response((error as NodeJS.ErrnoException).code, { status: 503, headers });
    const { server, socket } = await begin(handle, { onUnreadable });
    const answer = answerOf(socket);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const text = await answer;
    expect(text).toStartWith("HTTP/1.1 503 ");
    expect(text).toEndWith("\r\n\r\nENOENT");
    await server.close();
  });
});

test("a short body does not wait for long ones that nobody goes on with", async () => {
  const over = Promise.withResolvers<void>();
  let stuck = 0;
  const server = await serveHttp({
    hostname: "127.0.0.1",
    port: 0,
    handle: async (request) => {
      if (request.url.endsWith("/short")) return new Response(await request.text());
      const reader = (request.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      void reader.read().then(() => (stuck += 1));
      await over.promise;
      await reader.cancel();
      return new Response();
    },
  });
  const address = `http://127.0.0.1:${server.port}`;
  const long = Array.from({ length: 40 }, () =>
    fetch(`${address}/long`, { method: "PUT", body: new Uint8Array(4 << 20) }).catch(() => undefined),
  );
  while (stuck < 16) await pause(10);
  expect(await (await fetch(`${address}/short`, { method: "POST", body: "here" })).text()).toBe("here");
  expect(stuck).toBe(16);
  over.resolve();
  await Promise.all(long);
  await server.close();
}, 20_000);

describe.skipIf(!canMakeCertificates())("a server with TLS", () => {
  test("does not share its address with another one", async () => {
    const { cert, key } = makeServerTls(folder);
    const handle = async (): Promise<Response> => new Response("one");
    const server = await serve({ cert, key }, handle);
    const second = serveHttp({ hostname: "127.0.0.1", port: server.port, tls: { cert, key }, handle });
    expect(second).rejects.toMatchObject({ code: "EADDRINUSE" });
    await second.catch(() => undefined);
    await server.close();
  });

  test("ends idle connections when it gets another certificate, and lets a slow client have its answer", async () => {
    const { cert, key } = makeServerTls(folder);
    const bytes = randomBytes(20_000_000);
    const server = await serve({ cert, key }, async () => new Response(bytes));
    const [idle, slow] = [await openTls(server), await openTls(server)];
    const ended = once(idle, "close");
    slow.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const [first] = (await once(slow, "data")) as [Buffer];
    slow.pause();
    await server.replaceTls({ cert, key });
    await ended;
    let sizeBytes = first.length - first.indexOf("\r\n\r\n") - 4;
    slow.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes === bytes.length) slow.destroy();
    });
    slow.resume();
    await once(slow, "close");
    expect(sizeBytes).toBe(bytes.length);
    await server.close();
  });

  test("ends at its close the answers that began under a certificate before", async () => {
    const { cert, key } = makeServerTls(folder);
    const server = await serve(
      { cert, key },
      async () =>
        new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) }), {
          headers: { "content-length": "20" },
        }),
    );
    const socket = await openTls(server);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    await server.replaceTls({ cert, key });
    const ended = once(socket, "close");
    await server.close();
    await ended;
  });
});

test("a server that ends lets the answers come that it has begun, and waits for none for long", async () => {
  const certificates = canMakeCertificates() ? makeServerTls(folder) : undefined;
  const ways = certificates === undefined ? [{}] : [{}, { tls: certificates }];
  for (const tls of ways) {
    const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const closing = Promise.withResolvers<void>();
    const server = await serveHttp({
      hostname: "127.0.0.1",
      port: 0,
      ...tls,
      handle: async (request) => {
        const isSlow = request.url.endsWith("/slow");
        begun[isSlow ? 0 : 1].resolve();
        await (isSlow ? closing.promise : new Promise(() => {}));
        return new Response(`got ${await request.text()}`);
      },
    });
    const url = `${"tls" in tls ? "https" : "http"}://127.0.0.1:${server.port}`;
    const options = { method: "POST", body: "it", tls: { rejectUnauthorized: false } };
    const slow = fetch(`${url}/slow`, options).then((response) => response.text());
    const never = fetch(`${url}/never`, options).then(
      () => "answered",
      () => "broken",
    );
    await Promise.all(begun.map(({ promise }) => promise));
    const closed = server.close();
    closing.resolve();
    await closed;
    expect(await Promise.all([slow, never])).toEqual(["got it", "broken"]);
  }
});
