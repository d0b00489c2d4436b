import { expect, spyOn, test } from "bun:test";
import { createServer, type Server } from "node:http";
import { createServer as createNetServer } from "node:net";
import { listenThroughBun } from "./listen-through-bun.ts";

const hostname = "127.0.0.1";

/** Listens, and stops when it is disposed. */
async function listen({ port = 0, isShared = false } = {}): Promise<{ readonly port: number } & AsyncDisposable> {
  const node = createServer((incoming, outgoing) => void outgoing.end(`asked for ${incoming.url}`));
  const bun = await listenThroughBun(node, { hostname, port, isShared });
  return { port: bun.port ?? 0, [Symbol.asyncDispose]: () => bun.stop(true) };
}

test("what a client asks for reaches the server, and is not answered by Bun", async () => {
  await using server = await listen();
  const answer = await fetch(`http://${hostname}:${server.port}/bun:info`);
  expect(await answer.text()).toBe("asked for /bun:info");
});

test("two servers have one address if both may share it, and else the second is refused", async () => {
  await using shared = await listen({ isShared: true });
  await using second = await listen({ port: shared.port, isShared: true });
  expect(second.port).toBe(shared.port);
  await using own = await listen();
  for (const isShared of [false, true]) {
    const refused = listen({ port: own.port, isShared });
    await expect(refused).rejects.toMatchObject({ code: "EADDRINUSE" });
  }
});

test("node:http asks Bun.serve for no idle time of its own, and finds it as it was", async () => {
  using serve = spyOn(Bun, "serve");
  await using _server = await listen();
  expect(serve.mock.calls).toMatchObject([[{ idleTimeout: 0, development: false, reusePort: false }]]);
  expect(Bun.serve as unknown).toBe(serve);
});

test("a server that is made of no Bun.serve does not go on unnoticed", async () => {
  const other = createNetServer();
  await expect(listenThroughBun(other as unknown as Server, { hostname, port: 0, isShared: false })).rejects.toThrow(
    "cannot listen",
  );
  expect(other.listening).toBe(false);
});
