import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { planDescriptors } from "./descriptor-watch.ts";
import type { HttpPeer, HttpServer, HttpServerOptions, ServerTls } from "./http-server.ts";
import type { IncomingBody } from "./incoming-body.ts";
import { NodeAnswers } from "./node-answers.ts";
import { peerAddress } from "./peer-address.ts";
import { descriptorLimit } from "./spare-descriptors.ts";

export interface ClientCertificateServerOptions extends HttpServerOptions {
  readonly tls: ServerTls;
  readonly idleSeconds: number;
  /** How long the end waits for the answers that have begun. */
  readonly lastAnswersMs: number;
  /** Who has not finished the handshake by then is sent away: it takes a connection from others. @default 10 */
  readonly handshakeSeconds?: number;
}

/**
 * As `serveHttp`, over node:tls, which tells the certificate that a client sent. Slower, since the bytes pass through JavaScript: only for
 * servers that ask for certificates. A client without one, or with one of another authority, is served as one without a name.
 */
export async function serveWithClientCertificates(options: ClientCertificateServerOptions): Promise<HttpServer> {
  const answering = new Set<Promise<unknown>>();
  const answers = new NodeAnswers(options);
  const http = createHttpServer((incoming, outgoing) => {
    const answered = once(outgoing, "close")
      .catch(() => undefined)
      .finally(() => answering.delete(answered));
    answering.add(answered);
    const { idleSeconds } = options;
    const exchange = { scheme: "https", incoming, outgoing, body: readSlowly(incoming), idleSeconds } as const;
    void answers.answer({ ...exchange, peer: peerOf(incoming.socket as TLSSocket) });
  });
  answers.prepare(http, options.idleSeconds);
  const sockets = new Set<Socket>();
  const { handshakeSeconds = 10 } = options;
  const server = createTlsServer({
    ...secureContext(options.tls),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeSeconds * 1000,
    allowHalfOpen: true,
  });
  // Whoever comes when there are so many is sent away: a connection that cannot be accepted would keep a processor busy.
  server.maxConnections = planDescriptors(descriptorLimit()).requests;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(options.idleSeconds * 1000, () => socket.destroy());
  };
  // From before the handshake: who never begins it must not keep the server from closing.
  server.on("connection", keep);
  server.on("secureConnection", (socket) => {
    keep(socket);
    // Each of the requests that came together has one.
    socket.setMaxListeners(0);
    http.emit("connection", socket);
  });
  // Bun leaves it open, after a handshake that failed or took too long.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.hostname, () => resolve());
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    replaceTls: async (tls) => server.setSecureContext(secureContext(tls)),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.race([Promise.all(answering), setTimeout(options.lastAnswersMs, undefined, { ref: false })]);
      for (const socket of sockets) socket.destroy();
      http.close();
      await closed;
    },
  };
}

function secureContext({ cert, key, clientAuthority }: ServerTls): {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
} {
  return { cert, key, ...(clientAuthority === undefined ? {} : { ca: clientAuthority }) };
}

function peerOf(socket: TLSSocket): HttpPeer {
  const address = peerAddress(socket);
  return socket.authorized ? { address, certificate: socket.getPeerCertificate() } : { address };
}

/** The most of a body that waits for its reader. */
const UNREAD_BYTES_MAX = 256 * 1024;

/** A body as it comes, no faster than it is read. Bun's node:http does not hold back a connection that it is handed: measured. */
function readSlowly(incoming: IncomingMessage): IncomingBody {
  const { socket } = incoming;
  const hold = (): void => void (incoming.readableLength >= UNREAD_BYTES_MAX && socket.pause());
  const release = (): void => {
    socket.off("data", hold);
    socket.resume();
  };
  // After the parser's own listener: it counts what that one has just given.
  socket.on("data", hold);
  incoming.once("end", release).once("close", release);
  const chunks: AsyncIterator<Uint8Array> = incoming[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (incoming.readableLength < UNREAD_BYTES_MAX) socket.resume();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void discard(),
    },
    { highWaterMark: 0 },
  );
  const drain = (): void => {
    while (incoming.read() !== null);
  };
  const discard = async (): Promise<void> => {
    release();
    incoming.on("readable", drain);
    drain();
  };
  return { stream, whole: new Promise((resolve) => incoming.once("end", resolve)), isBypassed: false, discard };
}
