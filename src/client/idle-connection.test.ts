import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineApi } from "../api/engine-api.ts";
import { connectEngine } from "./engine-client.ts";

interface Answering extends AsyncDisposable {
  readonly api: EngineApi;
  readonly connections: readonly Socket[];
}

/** A daemon that answers every call with `OK`, and closes after the answer if it is told to. */
async function answering(options: { readonly closes?: boolean } = {}): Promise<Answering> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-idle-"));
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const calls = bytes.toString().split("HTTP/1.1\r\n").length - 1;
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".repeat(calls));
      if (options.closes === true) socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, "s"), resolve));
  return {
    api: connectEngine(`unix://${join(folder, "s")}`),
    connections,
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test("calls one after the other share a connection", async () => {
  await using daemon = await answering();
  for (let count = 0; count < 5; count++) await daemon.api.ping();
  expect(daemon.connections.length).toBe(1);
});

test("calls at the same time have a connection each, and so has one that may be cancelled", async () => {
  await using daemon = await answering();
  await Promise.all([daemon.api.ping(), daemon.api.ping(), daemon.api.ping()]);
  expect(daemon.connections.length).toBe(3);
  await daemon.api.ping({ signal: new AbortController().signal });
  expect(daemon.connections.length).toBe(4);
});

test("a connection that the daemon has closed is not asked again", async () => {
  await using daemon = await answering({ closes: true });
  for (let count = 0; count < 3; count++) {
    await daemon.api.ping();
    const closed = daemon.connections.at(-1);
    if (closed?.closed === false) await new Promise((resolve) => closed.once("close", resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(daemon.connections.length).toBe(3);
});
