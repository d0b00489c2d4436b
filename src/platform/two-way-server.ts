import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { HttpServerOptions } from "./http-server.ts";
import { readByChunk } from "./incoming-body.ts";
import { answerNode } from "./node-exchange.ts";
import { Slots } from "./slots.ts";

export interface TwoWayServerOptions extends HttpServerOptions {
  readonly idleSeconds: number;
  /** Says whether one more request is to wait, while so many are answered, itself among them. */
  readonly mustWait: (answering: number) => boolean;
}

export interface TwoWayServer {
  readonly port: number;
  /** Ends connections on which nothing is asked. */
  closeIdleConnections(): void;
  /** @param now also end what is being answered */
  stop(now: boolean): Promise<void>;
}

/** How many chunks of half a megabyte are worked on at once, of all bodies: more than there are threads that write. */
const CHUNKS = new Slots(16);

/**
 * One address, two of Bun's servers: what comes with a body (POST, PUT, PATCH) is answered by node:http, which holds a connection back after
 * each chunk that is not taken; all else by Bun.serve, whose answers can be files that the kernel sends. Either alone is poor at the
 * other's work: of a body that nobody reads Bun.serve takes 1 to 4 MB into memory and gives it in pieces of 128 KB (64 connections that push:
 * 256 MB instead of 95, and two thirds of the rate), and node:http copies files through JavaScript.
 *
 * node:http is made of Bun.serve: it gives it a handler for what no route takes, and routes are what is added here. No documentation of
 * Bun says so. Where it is otherwise nothing breaks: then node:http answers everything.
 *
 * @throws whatever the kernel says of the address
 */
export async function serveTwoWays(options: TwoWayServerOptions): Promise<TwoWayServer> {
  const { hostname, port, tls, handle, idleSeconds, streamsBodies = false, onUnreadable } = options;
  const scheme = tls === undefined ? "http" : "https";
  let bun: Bun.Server<undefined> | undefined;
  const onRequest: Parameters<typeof createHttpServer>[1] = (incoming, outgoing) => {
    const mustWait = options.mustWait(bun?.pendingRequests ?? 0);
    const peer = { address: incoming.socket.remoteAddress ?? "", mustWait };
    const body = readByChunk(incoming, CHUNKS);
    void answerNode({ scheme, incoming, outgoing, body, peer, idleSeconds }, handle);
  };
  const node =
    tls === undefined ? createHttpServer(onRequest) : createHttpsServer({ cert: tls.cert, key: tls.key }, onRequest);
  // The idle time of a connection counts, not the time that a request takes.
  node.requestTimeout = 0;
  node.keepAliveTimeout = idleSeconds * 1000;
  // Bun.serve ends a connection also while its answer is made; node's clock can be told.
  if (streamsBodies) {
    node.on("connection", (socket) => void socket.setTimeout(idleSeconds * 1000, () => socket.destroy()));
  }
  const route = async (request: Request, server: Bun.Server<undefined>): Promise<Response> => {
    const mustWait = options.mustWait(server.pendingRequests);
    const response = await handle(request, { address: server.requestIP(request)?.address ?? "", mustWait });
    if (mustWait) response.headers.set("connection", "close");
    return response;
  };
  const additions = {
    idleTimeout: streamsBodies ? 0 : idleSeconds,
    reusePort: tls !== undefined,
    development: false,
    ...(onUnreadable === undefined ? {} : { error: onUnreadable }),
    // Bun.serve sends what is made in chunks, whatever its length is said to be.
    ...(streamsBodies ? {} : { routes: { "/*": { GET: route, HEAD: route, DELETE: route } } }),
  };
  const listening = Promise.withResolvers<void>();
  node.once("listening", listening.resolve).once("error", listening.reject);
  bun = withAdditions(additions, () => node.listen({ host: hostname, port }));
  await listening.promise;
  return {
    port: bun?.port ?? port,
    closeIdleConnections: () => void (bun?.closeIdleConnections() ?? node.closeIdleConnections()),
    stop: (now) => stop(node, bun, now),
  };
}

/** Adds to the options of the Bun.serve that somebody calls meanwhile. @returns what that one gave */
function withAdditions(additions: object, call: () => void): Bun.Server<undefined> | undefined {
  const { serve } = Bun;
  let server: Bun.Server<undefined> | undefined;
  const adding = (own: object): Bun.Server<undefined> => {
    server = serve({ ...own, ...additions } as Parameters<typeof serve>[0]) as Bun.Server<undefined>;
    return server;
  };
  Bun.serve = adding as typeof serve;
  try {
    call();
  } finally {
    Bun.serve = serve;
  }
  return server;
}

async function stop(node: Server, bun: Bun.Server<undefined> | undefined, now: boolean): Promise<void> {
  const stopped = bun?.stop(now);
  if (now) node.closeAllConnections();
  node.close();
  await stopped;
}
