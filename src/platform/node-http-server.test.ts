import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { serveNodeHttp } from "./node-http-server.ts";
import { OpenConnections } from "./open-connections.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How long a connection is open on which this is sent, and what came. */
async function converse(port: number, send: (socket: Socket) => Promise<void>): Promise<readonly [number, string]> {
  const beganMs = performance.now();
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.on("data", (bytes) => {
    received += bytes;
  });
  socket.on("error", () => {});
  const closed = once(socket, "close");
  await send(socket);
  await closed;
  return [(performance.now() - beganMs) / 1000, received];
}

const put = (sizeBytes: number): string => `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${sizeBytes}\r\n\r\n`;

test("a connection is idle while its client has to act, and not while an answer is made", async () => {
  const { port, stop } = await serveNodeHttp({
    hostname: "127.0.0.1",
    port: 0,
    connections: new OpenConnections(1000),
    mustWait: () => false,
    handle: async (request) => {
      const text = await request.text();
      // Longer than any clock of the server's takes to find that something is idle.
      if (text !== "trickled") await pause(6000);
      return new Response(`took ${text}`);
    },
  });
  const talks = {
    silent: async () => undefined,
    halfSent: async (socket) => void socket.write(`${put(10)}half`),
    waits: async (socket) => void socket.write(`${put(4)}body`),
    waitsWithout: async (socket) => void socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    trickles: async (socket) => {
      socket.write(put(8));
      for (const letter of "trickled") {
        await pause(500);
        socket.write(letter);
      }
    },
  } satisfies Record<string, (socket: Socket) => Promise<void>>;
  const [silent, halfSent, waits, waitsWithout, trickles] = await Promise.all(
    Object.values(talks).map((send) => converse(port, send)),
  );
  for (const ended of [silent, halfSent]) {
    expect(ended?.[0]).toBeLessThan(4);
    expect(ended?.[1]).toBe("");
  }
  expect([waits, waitsWithout, trickles].map((talk) => talk?.[1].split("\r\n\r\n")[1])).toEqual([
    "took body",
    "took ",
    "took trickled",
  ]);
  await stop(true);
}, 30_000);
