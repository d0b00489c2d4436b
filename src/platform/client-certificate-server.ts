import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { HttpPeer, HttpServer, HttpServerOptions, ServerTls } from "./http-server.ts";

export interface ClientCertificateServerOptions extends HttpServerOptions {
  readonly tls: ServerTls;
  readonly idleSeconds: number;
}

/**
 * As `serveHttp`, over node:tls, which tells the certificate that a client sent. Slower, since the bytes pass through JavaScript: only for
 * servers that ask for certificates. A client without one, or with one of another authority, is served as one without a name.
 */
export async function serveWithClientCertificates(options: ClientCertificateServerOptions): Promise<HttpServer> {
  const http = createHttpServer((request, response) => void answer(request, response, options.handle));
  // The idle timeout of the connection counts, not the time that a request takes.
  http.requestTimeout = 0;
  const sockets = new Set<TLSSocket>();
  const server = createTlsServer({ ...secureContext(options.tls), requestCert: true, rejectUnauthorized: false });
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(options.idleSeconds * 1000, () => socket.destroy());
    http.emit("connection", socket);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.hostname, () => resolve());
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    replaceTls: async (tls) => server.setSecureContext(secureContext(tls)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        http.close();
      }),
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
  const address = socket.remoteAddress ?? "";
  return socket.authorized ? { address, certificate: socket.getPeerCertificate() } : { address };
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: HttpServerOptions["handle"],
): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  try {
    const response = await handle(toRequest(incoming, gone.signal), peerOf(incoming.socket as TLSSocket));
    // As Bun's server does: a body whose length nobody said is in memory.
    const bytes = response.headers.has("content-length") ? undefined : await readBytes(response);
    const length = bytes === undefined ? [] : ["content-length", String(bytes.byteLength)];
    outgoing.writeHead(response.status, [...[...response.headers].flat(), ...length]);
    if (bytes !== undefined) outgoing.end(bytes);
    else if (response.body === null) outgoing.end();
    else await finished(Readable.fromWeb(response.body as never).pipe(outgoing), { signal: gone.signal });
  } catch {
    // The client went, or the file did in the middle of the answer: it sees a broken one.
    outgoing.destroy();
  }
}

async function readBytes(response: Response): Promise<Uint8Array | undefined> {
  return response.body === null ? undefined : new Uint8Array(await response.arrayBuffer());
}

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = "GET", headers, rawHeaders } = incoming;
  const all = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    all.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  }
  const host = headers.host ?? "localhost";
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  return new Request(`https://${host}${incoming.url ?? "/"}`, {
    method,
    headers: all,
    signal,
    ...(hasBody && method !== "GET" && method !== "HEAD" ? { body: Readable.toWeb(incoming) as never } : {}),
  });
}
