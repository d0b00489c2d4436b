import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { serveNodeHttp } from "./node-http-server.ts";
import { OpenConnections } from "./open-connections.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What came on a connection on which this is sent, when it has ended. */
async function converse(port: number, send: (socket: Socket) => Promise<void>): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.on("data", (bytes) => {
    received += bytes;
  });
  socket.on("error", () => {});
  const closed = once(socket, "close");
  await send(socket);
  await closed;
  return received;
}

const put = (sizeBytes: number): string => `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${sizeBytes}\r\n\r\n`;

test("a connection is idle while its client has to act, and not while an answer is made", async () => {
  const { port, stop } = await serveNodeHttp({
    hostname: "127.0.0.1",
    port: 0,
    connections: new OpenConnections(2000),
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
  const ended: string[] = [];
  const heard = await Promise.all(
    Object.entries(talks).map(async ([name, send]) => {
      const received = await converse(port, send);
      ended.push(name);
      return [name, received.split("\r\n\r\n")[1] ?? received];
    }),
  );
  expect(ended.slice(0, 2).sort()).toEqual(["halfSent", "silent"]);
  expect(Object.fromEntries(heard)).toEqual({
    silent: "",
    halfSent: "",
    waits: "took body",
    waitsWithout: "took ",
    trickles: "took trickled",
  });
  await stop(true);
}, 30_000);
