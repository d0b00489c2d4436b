import { expect, test } from "bun:test";
import { formatError } from "../../errors/gantry-error.ts";
import { serveHttp } from "../../platform/http-server.ts";
import { parseListenAddress } from "./listen-address.ts";
import { listenOn } from "./listen-on.ts";

const listen = (text: string) => {
  const address = parseListenAddress(text);
  return listenOn("registry", address, () => serveHttp({ ...address, handle: async () => new Response() }));
};

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
