import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { OpenConnections } from "./open-connections.ts";

test("those end first that have been idle longest, and none on which something is asked", async () => {
  const connections = new OpenConnections(60_000);
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    connections.add(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  for (let number = 0; number < 5; number += 1) {
    const client = connect(port, "127.0.0.1");
    await once(server, "connection");
    client.on("error", () => {});
  }
  const [first, second, third, fourth, fifth] = accepted as [Socket, Socket, Socket, Socket, Socket];
  const left = (): Socket[] => accepted.filter((socket) => socket.writable);
  connections.engage(first);
  connections.engage(second);
  connections.rest(second);
  expect(connections.endOlderHalf()).toBe(true);
  expect(left()).toEqual([first, second, fifth]);
  expect([third, fourth].every((socket) => !socket.writable)).toBe(true);
  for (const rest of [true, true, false]) expect(connections.endOlderHalf()).toBe(rest);
  expect(left()).toEqual([first]);
  expect(connections.busyCount).toBe(1);
  await connections.end(0);
  expect(left()).toEqual([]);
  server.close();
});

test.each([true, false])(
  "one that was ended before its client had read its answer is waited for at the end, if the client reads: %p",
  async (isRead) => {
    const connections = new OpenConnections(60_000);
    const server = createServer((socket) => connections.add(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { readonly port: number };
    const client = connect(port, "127.0.0.1").pause();
    const [socket] = (await once(server, "connection")) as [Socket];
    const answer = Buffer.alloc(16 << 20);
    socket.write(answer);
    for (const rest of [true, false]) expect(connections.endOlderHalf()).toBe(rest);
    let readBytes = 0;
    if (isRead) {
      client.on("data", (chunk: Buffer) => {
        readBytes += chunk.byteLength;
      });
      client.resume();
    }
    const ended = isRead ? once(client, "end") : undefined;
    await connections.end(isRead ? 20_000 : 10);
    await ended;
    expect([readBytes, socket.destroyed]).toEqual([isRead ? answer.byteLength : 0, true]);
    client.on("error", () => {}).destroy();
    server.close();
  },
);
