import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import { Slots } from "../slots.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import { readByChunk } from "./incoming-body.ts";
import { listenThroughBun } from "./listen-through-bun.ts";
import { NodeAnswers } from "./node-answers.ts";
import type { OpenConnections } from "./open-connections.ts";
import { peerAddress } from "./peer-address.ts";
import type { ServerTls } from "./server-tls.ts";

export interface NodeHttpServerOptions extends HttpServerOptions {
  /** Has those of this server too. */
  readonly connections: OpenConnections;
  /** Says whether one more request is to wait. */
  readonly mustWait: () => boolean;
}

export interface NodeHttpServer {
  readonly port: number;
  /** As `HttpServer.replaceTls`. @default the certificate stays that it began with */
  replaceTls?(tls: ServerTls): void;
  /** No more connections come, and idle ones end. Resolves when none is open. @param now also end those that have not finished their handshake */
  stop(now: boolean): Promise<void>;
}

/** How many chunks of half a megabyte are worked on at once, of all bodies: more than there are threads that write. */
const CHUNKS = new Slots(16);

/**
 * Serves by node:http, which holds a connection back after each chunk of a body that is not taken. Of a body that nobody reads Bun.serve takes
 * 1 to 4 MB into memory and gives it in pieces of 128 KB: 64 connections that push take 256 MB instead of 95, and push at two thirds of the rate.
 *
 * @throws whatever the kernel says of the address
 */
export async function serveNodeHttp(options: NodeHttpServerOptions): Promise<NodeHttpServer> {
  const { hostname, port, tls, connections } = options;
  const scheme = tls === undefined ? "http" : "https";
  const answers = new NodeAnswers(options);
  const onRequest: Parameters<typeof createHttpServer>[1] = (incoming, outgoing) => {
    const peer = { address: peerAddress(incoming.socket), mustWait: options.mustWait() };
    const body = readByChunk(incoming, { slots: CHUNKS, isEncrypted: tls !== undefined });
    void answers.answer({ scheme, incoming, outgoing, body, peer });
  };
  const node =
    tls === undefined ? createHttpServer(onRequest) : createHttpsServer({ cert: tls.cert, key: tls.key }, onRequest);
  answers.prepare(node);
  const own = new Set<Socket>();
  node.on("connection", (socket) => {
    connections.add(socket);
    own.add(socket);
    socket.once("close", () => own.delete(socket));
  });
  // `HttpServer.replaceTls` lets the next server listen beside it.
  const bun = await listenThroughBun(node, { hostname, port, isShared: tls !== undefined });
  return {
    port: bun.port ?? port,
    async stop(now) {
      const stopped = bun.stop(now);
      if (now) {
        node.closeAllConnections();
        node.close();
      } else {
        // node:http's `close` takes connections for idle whose last answer is still in memory.
        connections.endIdle(own);
      }
      await stopped;
    },
  };
}
