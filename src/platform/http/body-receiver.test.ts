import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { digestOf } from "../../oci/hash-digest.ts";
import { SYS, syscall } from "../libc.ts";
import { nextTurn } from "../next-turn.ts";
import { type BodyPlace, type BodyReceiver, receiverOf } from "./body-receiver.ts";
import { type HttpServer, serveHttp } from "./http-server.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import { BYPASS_BYTES } from "./incoming-body.ts";

const MSG_PEEK = 0x02;
const MSG_DONTWAIT = 0x40;
const SIZE_BYTES = 12_000_001;
const content = randomBytes(SIZE_BYTES);
/** Of a body of which a test sends a part: the shortest that can be taken. */
const BEGUN_BYTES = BYPASS_BYTES;

/** Takes what is there, piece by piece. */
function takeAll(place: BodyPlace, pieces: Uint8Array[]): void {
  for (;;) {
    const piece = new Uint8Array(100_000);
    const bytesMax = Math.min(place.bytesMax - place.takenBytes, piece.length);
    const count = syscall(SYS.recvfrom, place.fd, piece, bytesMax, MSG_DONTWAIT, null, null);
    if (count <= 0) return;
    pieces.push(piece.slice(0, count));
    place.takenBytes += count;
  }
}

/** Waits until so many bytes of a body are at its connection. */
async function untilWaiting(place: BodyPlace, bytes: number): Promise<void> {
  const piece = new Uint8Array(bytes);
  const waiting = (): number => syscall(SYS.recvfrom, place.fd, piece, bytes, MSG_PEEK | MSG_DONTWAIT, null, null);
  while (waiting() < bytes) await nextTurn();
}

interface Taken {
  readonly pieces: Uint8Array[];
  /** How many bytes came past node:http. */
  takenBytes: number;
  failure?: Error;
  /** Resolves when its answer is sent, and what is left of it has come. */
  readonly over: Promise<unknown>;
}

/** A server that takes bodies from their connections, and answers with what they hash to; after `stopAfterBytes` with 403. */
async function serveTaking(
  taken: Taken[],
  stopAfterBytes = Number.POSITIVE_INFINITY,
  options: Pick<HttpServerOptions, "linger"> = {},
): Promise<HttpServer> {
  return serveHttp({
    ...options,
    hostname: "127.0.0.1",
    port: 0,
    handle: async (request) => {
      const one: Taken = { pieces: [], takenBytes: 0, over: once(request.signal, "abort") };
      taken.push(one);
      const { body } = request;
      if (body === null) return new Response("none");
      const receiver = receiverOf(body);
      let bytes = 0;
      try {
        for await (const chunk of body) {
          one.pieces.push(chunk.slice());
          bytes += chunk.byteLength;
          // Others write meanwhile: there is something to take.
          await Bun.sleep(2);
          await receiver?.take(async (place) => {
            if (place === undefined) return;
            takeAll(place, one.pieces);
            bytes += place.takenBytes;
            one.takenBytes += place.takenBytes;
          });
          if (bytes > stopAfterBytes) return new Response("too much", { status: 403 });
        }
      } catch (error) {
        one.failure = error as Error;
        throw error;
      }
      return new Response(digestOf(Buffer.concat(one.pieces)), { status: 201 });
    },
  });
}

function head(length: number): string {
  return `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
}

async function send(socket: Socket, bytes: Uint8Array, { pauseMs = 0, stepBytes = 1 << 20 } = {}): Promise<void> {
  for (let start = 0; start < bytes.byteLength; start += stepBytes) {
    if (!socket.write(bytes.subarray(start, start + stepBytes))) await once(socket, "drain");
    if (pauseMs > 0) await Bun.sleep(pauseMs);
  }
}

async function answerOf(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

interface Begun {
  readonly receiver: BodyReceiver;
  readonly reader: { read(): Promise<unknown>; cancel(): Promise<void> };
  /** The client's. */
  readonly socket: Socket;
  /** Another client is answered a few times: what the server was about to do is done, for it reads a connection one turn after it takes it up. */
  readonly answerOthers: () => Promise<void>;
}

/** Sends the beginning of a body, reads a first chunk of it, then does something. @returns that chunk, and what `work` gave */
async function readFirst<T>(work: (begun: Begun) => Promise<T>): Promise<readonly [Uint8Array, T]> {
  const done = Promise.withResolvers<readonly [Uint8Array, T]>();
  const handle = async ({ body }: Request): Promise<Response> => {
    if (body === null) return new Response();
    const receiver = receiverOf(body) as BodyReceiver;
    const reader = body.getReader();
    const { value = new Uint8Array() } = await reader.read();
    const first = value.slice();
    const answerOthers = async (): Promise<void> => {
      for (let count = 0; count < 3; count += 1) await fetch(`http://127.0.0.1:${server.port}/`);
    };
    await work({ receiver, reader, socket, answerOthers }).then((result) => done.resolve([first, result]), done.reject);
    return new Response("enough", { status: 403 });
  };
  const server = await serveHttp({ hostname: "127.0.0.1", port: 0, handle });
  const socket = connect(server.port, "127.0.0.1").on("error", () => {});
  socket.write(head(BEGUN_BYTES));
  socket.write(content.subarray(0, 600_000));
  try {
    return await done.promise;
  } finally {
    socket.destroy();
    await server.close();
  }
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

describe("a body that is taken from its connection", () => {
  test.each([
    ["as quickly as it can be", {}],
    ["in small pieces", { stepBytes: 50_000, pauseMs: 1 }],
    ["with long pauses", { stepBytes: 3_000_000, pauseMs: 100 }],
  ])("comes whole and in order when it is sent %s, and the connection ends after the answer", async (_, how) => {
    const taken: Taken[] = [];
    const server = await serveTaking(taken);
    const socket = connect(server.port, "127.0.0.1");
    socket.write(head(SIZE_BYTES));
    const answer = answerOf(socket);
    await send(socket, content, how);
    expect(await answer).toMatch(/^HTTP\/1\.1 201 Created\r\n[\s\S]*connection: close\r\n/i);
    expect(await answer).toEndWith(digestOf(content));
    expect(taken[0]?.takenBytes).toBeGreaterThan(0);
    await server.close();
  });

  test("ends where its length says: what follows is no part of it, and is not answered", async () => {
    const taken: Taken[] = [];
    const server = await serveTaking(taken);
    const socket = connect(server.port, "127.0.0.1").on("error", () => {});
    const next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
    socket.write(Buffer.concat([Buffer.from(head(SIZE_BYTES)), content, Buffer.from(next.repeat(100))]));
    await once(socket, "close");
    expect(taken).toHaveLength(1);
    expect(digestOf(Buffer.concat(taken[0]?.pieces ?? []))).toBe(digestOf(content));
    expect(Buffer.concat(chunks).toString().split("HTTP/1.1 ").length).toBeLessThanOrEqual(2);
    await server.close();
  });

  test("an answer in its middle reaches a client that reads only after it has sent all", async () => {
    const taken: Taken[] = [];
    const server = await serveTaking(taken, 2_000_000);
    const socket = connect(server.port, "127.0.0.1");
    socket.pause();
    socket.write(head(SIZE_BYTES));
    await send(socket, content, { stepBytes: 500_000, pauseMs: 2 });
    await taken[0]?.over;
    expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\r\n\r\ntoo much$/);
    await server.close();
  });

  test("an answer in its middle reaches a client that waits for it before it goes on", async () => {
    const server = await serveTaking([], 2_000_000);
    const socket = connect(server.port, "127.0.0.1");
    const answered = once(socket, "data");
    socket.write(head(SIZE_BYTES));
    await send(socket, content.subarray(0, 6_000_000), { stepBytes: 500_000, pauseMs: 2 });
    const [answer] = await answered;
    expect(String(answer)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\r\n\r\ntoo much$/);
    socket.destroy();
    await server.close();
  });

  test("is not waited for longer than any other once it is refused", async () => {
    const linger = { totalMs: 300, silentMs: 600_000, bytesMax: SIZE_BYTES };
    const server = await serveTaking([], 2_000_000, { linger });
    const socket = connect(server.port, "127.0.0.1").on("error", () => {});
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.write(head(SIZE_BYTES));
    await send(socket, content.subarray(0, 6_000_000), { stepBytes: 500_000, pauseMs: 2 });
    for (; !socket.destroyed; await Bun.sleep(10)) socket.write("x");
    expect(answer).toStartWith("HTTP/1.1 403 ");
    await server.close();
  });

  test("is dropped only behind what is taken, when it is given up meanwhile", async () => {
    const pieces: Uint8Array[] = [];
    const [first] = await readFirst(({ receiver, reader, socket, answerOthers }) =>
      receiver.take(async (place) => {
        if (place === undefined) throw new Error("there is no place");
        await untilWaiting(place, 1);
        void reader.cancel();
        await answerOthers();
        socket.write(content.subarray(600_000, 700_000));
        takeAll(place, pieces);
      }),
    );
    const taken = Buffer.concat([first, ...pieces]);
    expect(taken.byteLength).toBeGreaterThan(first.byteLength);
    expect(digestOf(taken)).toBe(digestOf(content.subarray(0, taken.byteLength)));
  });

  test("is nobody's to take once it is given up", async () => {
    const [, places] = await readFirst(async ({ receiver, reader }) => {
      void reader.cancel();
      const places: unknown[] = [];
      await receiver.take(async (one) => void places.push(one));
      return places;
    });
    expect(places).toEqual([undefined]);
  });

  test("says that it broke to who takes meanwhile, and does not end as if it were whole", async () => {
    const [, rest] = await readFirst(async ({ receiver, reader, socket }) => {
      socket.write(content.subarray(600_000, BEGUN_BYTES));
      const lastBytes = 10_000;
      while (receiver.leftBytes > lastBytes) {
        await Bun.sleep(5);
        await receiver.take(async (place) => {
          if (place === undefined) throw new Error("there is no place");
          const before: BodyPlace = { ...place, bytesMax: place.bytesMax - lastBytes };
          takeAll(before, []);
          place.takenBytes = before.takenBytes;
        });
      }
      await receiver.take(async (place) => {
        if (place === undefined) throw new Error("there is no place");
        expect(place.isBroken).toBe(false);
        await untilWaiting(place, lastBytes);
        socket.resetAndDestroy();
        while (!place.isBroken) await Bun.sleep(1);
      });
      return await reader.read().catch((error: Error) => error.message);
    });
    expect(rest).toBe("the connection broke in the middle of a body");
  });

  test("is the last of its connection if somebody fails who took of it, and does not say how much", async () => {
    const server = await serveHttp({
      hostname: "127.0.0.1",
      port: 0,
      handle: async ({ body }) => {
        const receiver = receiverOf(body as ReadableStream<Uint8Array>);
        for await (const _ of body ?? []) {
          const failure = await receiver
            ?.take(async (place) => {
              if (place !== undefined) takeAll({ ...place }, []);
              throw new Error("failed");
            })
            .catch((error: Error) => error);
          return new Response(failure?.message, { status: 500 });
        }
        return new Response("nothing came");
      },
    });
    const socket = connect(server.port, "127.0.0.1");
    const answered = once(socket, "data");
    socket.write(head(SIZE_BYTES));
    await send(socket, content.subarray(0, 600_000));
    expect(String(await answered)).toMatch(/^HTTP\/1\.1 500 [\s\S]*connection: close\r\n[\s\S]*\r\n\r\nfailed$/i);
    socket.destroy();
    await server.close();
  });

  test("who reads it hears that the client has gone, and no descriptor is left", async () => {
    const taken: Taken[] = [];
    const server = await serveTaking(taken);
    await (await fetch(`http://127.0.0.1:${server.port}/`)).text();
    const before = descriptors();
    for (let round = 1; round <= 5; round += 1) {
      const socket = connect(server.port, "127.0.0.1").on("error", () => {});
      socket.write(head(SIZE_BYTES));
      await send(socket, content.subarray(0, 5_000_000));
      if (round % 2 === 0) socket.end();
      else socket.resetAndDestroy();
      while (taken[round]?.failure === undefined) await Bun.sleep(5);
      expect(taken[round]?.failure?.message).toBe("the connection broke in the middle of a body");
      socket.destroy();
    }
    for (let round = 0; round < 5; round += 1) {
      const socket = connect(server.port, "127.0.0.1");
      socket.write(head(SIZE_BYTES));
      const answer = answerOf(socket);
      await send(socket, content);
      expect(await answer).toEndWith(digestOf(content));
    }
    // The keep-alive connection of `fetch` may have ended by now.
    while (descriptors() > before) await Bun.sleep(5);
    await server.close();
  });
});

test("what is short, or whose length nobody says, comes by node:http alone, and the connection goes on", async () => {
  const taken: Taken[] = [];
  const server = await serveTaking(taken);
  const url = `http://127.0.0.1:${server.port}/`;
  const short = content.subarray(0, BYPASS_BYTES - 1);
  const answer = await fetch(url, { method: "PUT", body: short });
  expect(await answer.text()).toBe(digestOf(short));
  expect(answer.headers.get("connection")).not.toBe("close");
  const chunked = new ReadableStream({
    start(controller) {
      controller.enqueue(content);
      controller.close();
    },
  });
  expect(await (await fetch(url, { method: "PUT", body: chunked })).text()).toBe(digestOf(content));
  // Which of two lengths holds is not for us to say.
  using both = new DisposableStack();
  const socket = both.adopt(connect(server.port, "127.0.0.1"), (one) => one.destroy());
  socket.on("error", () => {});
  socket.write(head(SIZE_BYTES).replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"));
  socket.end(Buffer.concat([Buffer.from(`${SIZE_BYTES.toString(16)}\r\n`), content, Buffer.from("\r\n0\r\n\r\n")]));
  await answerOf(socket).catch(() => "refused");
  expect(taken.every(({ takenBytes }) => takenBytes === 0)).toBe(true);
  await server.close();
});
