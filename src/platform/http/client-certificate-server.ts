import { createServer as createHttpServer } from "node:http";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { readHandedBody } from "./handed-body.ts";
import type { HttpPeer } from "./http-peer.ts";
import { NodeAnswers } from "./node-answers.ts";
import type { NodeHttpServer, NodeHttpServerOptions } from "./node-http-server.ts";
import { peerAddress } from "./peer-address.ts";
import type { ServerTls } from "./server-tls.ts";

export interface ClientCertificateServerOptions extends NodeHttpServerOptions {
  readonly tls: ServerTls;
  /** Who has not finished the handshake by then is sent away: it takes a connection from others. @default 10 */
  readonly handshakeSeconds?: number;
}

/**
 * As `serveNodeHttp`, over node:tls, which tells the certificate that a client sent. Slower, since the bytes pass through JavaScript: only for
 * servers that ask for certificates. A client without one, or with one of another authority, is served as one without a name.
 */
export async function serveWithClientCertificates(options: ClientCertificateServerOptions): Promise<NodeHttpServer> {
  const { connections, handshakeSeconds = 10 } = options;
  const answers = new NodeAnswers(options);
  const http = createHttpServer((incoming, outgoing) => {
    const peer = { ...peerOf(incoming.socket as TLSSocket), mustWait: options.mustWait() };
    void answers.answer({ scheme: "https", incoming, outgoing, body: readHandedBody(incoming), peer });
  });
  answers.prepare(http);
  const server = createTlsServer({
    ...secureContext(options.tls),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeSeconds * 1000,
    allowHalfOpen: true,
  });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    connections.add(socket);
  });
  server.on("secureConnection", (socket) => {
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
  const closed = new Promise<void>((resolve) => void server.once("close", resolve));
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    replaceTls: (tls) => server.setSecureContext(secureContext(tls)),
    async stop() {
      server.close();
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
