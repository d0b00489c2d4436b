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
