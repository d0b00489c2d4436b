import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { HttpServerOptions } from "./http-server.ts";
import { readByChunk } from "./incoming-body.ts";
import { NodeAnswers } from "./node-answers.ts";
import { peerAddress } from "./peer-address.ts";
import { Slots } from "./slots.ts";

export interface NodeHttpServerOptions extends HttpServerOptions {
  readonly idleSeconds: number;
  /** Says whether one more request is to wait, while so many are answered, itself among them. */
  readonly mustWait: (answering: number) => boolean;
}

export interface NodeHttpServer {
  readonly port: number;
  /** Ends connections on which nothing is asked. */
  closeIdleConnections(): void;
  /** @param now also end what is being answered */
  stop(now: boolean): Promise<void>;
}

/** How many chunks of half a megabyte are worked on at once, of all bodies: more than there are threads that write. */
const CHUNKS = new Slots(16);

/**
 * Serves by node:http, which holds a connection back after each chunk of a body that is not taken. Of a body that nobody reads Bun.serve takes
 * 1 to 4 MB into memory and gives it in pieces of 128 KB: 64 connections that push take 256 MB instead of 95, and push at two thirds of the rate.
 *
 * node:http is made of Bun.serve, and some of its options are set through that. Routes must not be among them, though the kernel would send
 * their files (`connection-descriptor.ts` lets it): in node:http's mode Bun dispatches a request while a route still answers the one before on the same connection. Answers
 * then change places, and a client that hangs up meanwhile ends the process with a segmentation fault (measured with 1.4.5).
 *
 * @throws whatever the kernel says of the address
 */
export async function serveNodeHttp(options: NodeHttpServerOptions): Promise<NodeHttpServer> {
  const { hostname, port, tls, idleSeconds } = options;
  const scheme = tls === undefined ? "http" : "https";
  let bun: Bun.Server<undefined> | undefined;
  const answers = new NodeAnswers(options);
  const onRequest: Parameters<typeof createHttpServer>[1] = (incoming, outgoing) => {
    const mustWait = options.mustWait(bun?.pendingRequests ?? 0);
    const peer = { address: peerAddress(incoming.socket), mustWait };
    const body = readByChunk(incoming, { slots: CHUNKS, isEncrypted: tls !== undefined });
    void answers.answer({ scheme, incoming, outgoing, body, peer, idleSeconds });
  };
  const node =
    tls === undefined ? createHttpServer(onRequest) : createHttpsServer({ cert: tls.cert, key: tls.key }, onRequest);
  answers.prepare(node, idleSeconds);
  // Bun.serve ends a connection also while its answer is made; node's clock can be told.
  node.on("connection", (socket) => void socket.setTimeout(idleSeconds * 1000, () => socket.destroy()));
  const additions = { idleTimeout: 0, reusePort: tls !== undefined, development: false };
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
