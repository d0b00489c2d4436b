import { expect, test } from "bun:test";
import { formatError } from "../../../errors/gantry-error.ts";
import { serveHttp } from "../../../platform/http/http-server.ts";
import { parseListenAddress } from "./listen-address.ts";
import { listenOn } from "./listen-on.ts";

const listen = (text: string) => {
  const address = parseListenAddress(text);
  return listenOn("registry", address, () => serveHttp({ ...address, handle: async () => new Response() }));
};

test("a name of which node:http says nothing more than that it cannot be listened at: what to do", async () => {
  // As Bun's does where the name is not found (1.4.5).
  const open = () => Promise.reject(new Error("Failed to listen at nobody.test"));
  const address = { hostname: "nobody.test", port: 5000 };
  expect(await listenOn("registry", address, open).then(String, formatError)).toBe(
    "the registry cannot listen on nobody.test:5000: Failed to listen at nobody.test (is that a name of this host? `:PORT` is every address of it)",
  );
});

test("an address that somebody else has, and one that this host has not: why, and what to do", async () => {
  const first = await listen("127.0.0.1:0");
  try {
    const taken = await listen(`127.0.0.1:${first.port}`).then(String, formatError);
    expect(taken).toBe(
      `the registry cannot listen on 127.0.0.1:${first.port}: EADDRINUSE: address already in use (something else listens there: choose another port)`,
    );
    expect(await listen("192.0.2.1:5000").then(String, formatError)).toBe(
      "the registry cannot listen on 192.0.2.1:5000: EADDRNOTAVAIL: address not available (this host has no such address: `:PORT` is every address that it has)",
    );
  } finally {
    await first.close();
  }
});
