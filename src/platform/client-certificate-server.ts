import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
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
  const sockets = new Set<Socket>();
  const server = createTlsServer({ ...secureContext(options.tls), requestCert: true, rejectUnauthorized: false });
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
  // A body that breaks off while nobody reads it.
  incoming.on("error", () => {});
  const body = readSlowly(incoming);
  outgoing.once("finish", () => body.discard());
  try {
    const request = toRequest(incoming, { signal: gone.signal, body: body.stream });
    if (request === undefined) return void outgoing.writeHead(400, { connection: "close" }).end();
    const response = await handle(request, peerOf(incoming.socket as TLSSocket));
    // As Bun's server does: a body whose length nobody said is in memory.
    const bytes = response.headers.has("content-length") ? undefined : await readBytes(response);
    const length = bytes === undefined ? [] : ["content-length", String(bytes.byteLength)];
    outgoing.writeHead(response.status, [...[...response.headers].flat(), ...length]);
    if (bytes !== undefined) outgoing.end(bytes);
    else if (response.body === null) outgoing.end();
    else await pipeline(Readable.fromWeb(response.body as never), outgoing, { signal: gone.signal });
  } catch {
    // The client went, or the file did in the middle of the answer: it sees a broken one.
    outgoing.destroy();
  }
}

async function readBytes(response: Response): Promise<Uint8Array | undefined> {
  return response.body === null ? undefined : new Uint8Array(await response.arrayBuffer());
}

/** The most of a body that waits for its reader. */
const UNREAD_BYTES_MAX = 256 * 1024;

/** A body as it comes, no faster than it is read. Bun's node:http does not hold back a connection that it is handed: measured. */
function readSlowly(incoming: IncomingMessage): {
  readonly stream: ReadableStream<Uint8Array>;
  /** Nobody reads the rest. */
  readonly discard: () => void;
} {
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
      cancel: () => discard(),
    },
    { highWaterMark: 0 },
  );
  const drain = (): void => {
    while (incoming.read() !== null);
  };
  const discard = (): void => {
    release();
    incoming.on("readable", drain);
    drain();
  };
  return { stream, discard };
}

/** @returns undefined for a request that is none: its Host or its target cannot be read (RFC 9112, section 3.2) */
function toRequest(
  incoming: IncomingMessage,
  { signal, body }: { readonly signal: AbortSignal; readonly body: ReadableStream<Uint8Array> },
): Request | undefined {
  const { method = "GET", headers, rawHeaders, url = "/" } = incoming;
  const address = `https://${headers.host ?? "localhost"}${url}`;
  if (!url.startsWith("/") || !URL.canParse(address)) return undefined;
  const all = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    all.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  }
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  return new Request(address, {
    method,
    headers: all,
    signal,
    ...(hasBody && method !== "GET" && method !== "HEAD" ? { body } : {}),
  });
}
