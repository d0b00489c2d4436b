import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../oci/hash-digest.ts";
import { ConnectionDescriptor } from "./connection-descriptor.ts";
import { fileBody } from "./file-body.ts";
import { type HttpServer, serveHttp } from "./http-server.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-connection-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SIZE_BYTES = 24_000_001;
const path = join(folder, "large");
const content = randomBytes(SIZE_BYTES);
writeFileSync(path, content);

function serveFile(hostname: string): Promise<HttpServer> {
  return serveHttp({
    hostname,
    port: 0,
    handle: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/small") return new Response("small");
      const start = Number(searchParams.get("start") ?? 0);
      return new Response(fileBody(path, start, SIZE_BYTES), {
        headers: { "content-length": String(SIZE_BYTES - start) },
      });
    },
  });
}

/** A server that looks for the descriptor of each request's connection. */
async function serveFinding(): Promise<{
  readonly server: Server;
  readonly found: readonly (ConnectionDescriptor | undefined)[];
}> {
  const found: (ConnectionDescriptor | undefined)[] = [];
  const server = createServer((incoming, outgoing) => {
    found.push(ConnectionDescriptor.find(incoming.socket));
    outgoing.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, found };
}

/** All that comes, taken piece by piece with a pause after each. */
async function readSlowly(socket: Socket, pauseMs: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) {
    pieces.push(piece as Buffer);
    if (pauseMs > 0) await Bun.sleep(pauseMs);
  }
  return Buffer.concat(pieces);
}

test.each(["127.0.0.1", "::1"])(
  "a large file comes whole at %s, however slowly it is taken",
  async (hostname) => {
    const server = await serveFile(hostname);
    const take = async (pauseMs: number, start: number): Promise<void> => {
      const socket = connect(server.port, hostname);
      socket.write(
        `GET /large?start=${start} HTTP/1.1\r\nHost: x\r\n\r\nGET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      const all = await readSlowly(socket, pauseMs);
      const body = all.indexOf("\r\n\r\n") + 4;
      const end = body + SIZE_BYTES - start;
      expect(digestOf(all.subarray(body, end))).toBe(digestOf(content.subarray(start)));
      expect(all.subarray(end).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nsmall$/);
    };
    await Promise.all([0, 0, 0, 1, 1, 2, 5].map((pauseMs, index) => take(pauseMs, index * 1_000_003)));
    await server.close();
  },
  60_000,
);

test("the descriptor of a connection is found among others, and nothing is sent to who has gone", async () => {
  const { server, found } = await serveFinding();
  const { port } = server.address() as AddressInfo;
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect(port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      await once(socket, "data");
      return socket;
    }),
  );
  const descriptors = found.filter((descriptor) => descriptor !== undefined);
  expect(new Set(descriptors.map(({ fd }) => readlinkSync(`/proc/self/fd/${fd}`))).size).toBe(20);
  for (const socket of sockets) socket.resetAndDestroy();
  const file = openSync(path, "r");
  for (const descriptor of descriptors) {
    while (descriptor.send(file, 0, 1000) > 0) await Bun.sleep(1);
    expect(descriptor.send(file, 0, 1000)).toBe(0);
  }
  closeSync(file);
  for (const descriptor of descriptors) descriptor[Symbol.dispose]();
  server.close();
});

test("a client hears of the end once our own descriptor of its connection is closed, and to close it twice closes no other's", async () => {
  const { server, found } = await serveFinding();
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(socket, "data");
  const closed = once(socket, "close");
  server.closeAllConnections();
  found[0]?.[Symbol.dispose]();
  await closed;
  const files: number[] = [];
  while (files.at(-1) !== found[0]?.fd) files.push(openSync(path, "r"));
  found[0]?.[Symbol.dispose]();
  for (const file of files) expect(fstatSync(file).size).toBe(SIZE_BYTES);
  for (const file of files) closeSync(file);
  server.close();
});

test("a client that goes in the middle of a large file, and a file that becomes shorter, end the connection alone", async () => {
  const server = await serveFile("127.0.0.1");
  const gone = connect(server.port, "127.0.0.1").on("error", () => {});
  gone.write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(gone, "data");
  gone.destroy();
  const short = connect(server.port, "127.0.0.1").on("error", () => {});
  short.pause();
  short.write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  await Bun.sleep(200);
  truncateSync(path, 20_000_000);
  const came = await readSlowly(short, 0);
  expect(came.byteLength).toBeLessThan(SIZE_BYTES);
  writeFileSync(path, content);
  expect(await (await fetch(`http://127.0.0.1:${server.port}/small`)).text()).toBe("small");
  await server.close();
});
