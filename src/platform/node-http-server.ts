import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { HttpPeer, HttpServer, HttpServerOptions, ServerTls } from "./http-server.ts";

export interface NodeHttpServerOptions extends HttpServerOptions {
  readonly idleSeconds: number;
}

/**
 * As `serveHttp`, over node:http, where Bun's own server does not tell a client's certificate, or sends no length. Each request costs more
 * (measured: 0.1 ms instead of 0.04), bytes that pass through cost the same. A client without a certificate, or with one of another
 * authority, is served as one without a name.
 */
export async function serveNodeHttp(options: NodeHttpServerOptions): Promise<HttpServer> {
  const http = createHttpServer((request, response) => void answer(request, response, options.handle));
  // The idle timeout of the connection counts, not the time that a request takes.
  http.requestTimeout = 0;
  http.keepAliveTimeout = options.idleSeconds * 1000;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(options.idleSeconds * 1000, () => socket.destroy());
  };
  const { server, replaceTls } = listener(options.tls, {
    connected: keep,
    ready: (socket) => {
      keep(socket);
      http.emit("connection", socket);
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.hostname, () => resolve());
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    replaceTls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        http.close();
      }),
  };
}

interface Listener {
  readonly server: Server;
  readonly replaceTls: HttpServer["replaceTls"];
}

interface ListenerEvents {
  /** From before the handshake: who never begins it must not keep the server from closing. */
  readonly connected: (socket: Socket) => void;
  readonly ready: (socket: Socket) => void;
}

function listener(tls: ServerTls | undefined, { connected, ready }: ListenerEvents): Listener {
  if (tls === undefined) return { server: createTcpServer(ready), replaceTls: async () => undefined };
  const requestCert = tls.clientAuthority !== undefined;
  const server = createTlsServer({ ...secureContext(tls), requestCert, rejectUnauthorized: false });
  server.on("connection", connected);
  server.on("secureConnection", ready);
  server.on("tlsClientError", () => {});
  return { server, replaceTls: async (next) => server.setSecureContext(secureContext(next)) };
}

function secureContext({ cert, key, clientAuthority }: ServerTls): {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
} {
  return { cert, key, ...(clientAuthority === undefined ? {} : { ca: clientAuthority }) };
}

function peerOf(socket: Socket | TLSSocket): HttpPeer {
  const address = socket.remoteAddress ?? "";
  const isKnown = "authorized" in socket && socket.authorized;
  return isKnown ? { address, certificate: socket.getPeerCertificate() } : { address };
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
    const response = await handle(request, peerOf(incoming.socket));
    // As Bun's server does: a body whose length nobody said is in memory.
    const bytes = response.headers.has("content-length") ? undefined : await readBytes(request, response);
    const length = bytes === undefined ? [] : ["content-length", String(bytes.byteLength)];
    outgoing.writeHead(response.status, [...[...response.headers].flat(), ...length]);
    if (bytes !== undefined) outgoing.end(bytes);
    else if (response.body === null) outgoing.end();
    else await send(response.body, outgoing, gone.signal);
  } catch {
    // The client went, or the file did in the middle of the answer: it sees a broken one.
    outgoing.destroy();
  }
}

/** Sends a body no faster than the client takes it. @throws if the body fails, or the client goes */
async function send(body: ReadableStream<Uint8Array>, outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!outgoing.write(value)) await once(outgoing, "drain", { signal: gone });
      gone.throwIfAborted();
    }
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  }
  outgoing.end();
}

/** @returns undefined for an answer that says nothing of a body (RFC 9110, sections 6.4.1 and 8.6) */
async function readBytes(request: Request, response: Response): Promise<Uint8Array | undefined> {
  if (response.body !== null) return new Uint8Array(await response.arrayBuffer());
  const hasNone = request.method === "HEAD" || response.status === 204 || response.status === 304;
  return hasNone ? undefined : new Uint8Array();
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

/** @returns undefined for a request whose target is no path (RFC 9112, section 3.2) */
function toRequest(
  incoming: IncomingMessage,
  { signal, body }: { readonly signal: AbortSignal; readonly body: ReadableStream<Uint8Array> },
): Request | undefined {
  const { method = "GET", headers, rawHeaders, url = "/" } = incoming;
  const scheme = "encrypted" in incoming.socket ? "https" : "http";
  const said = `${scheme}://${headers.host ?? "localhost"}${url}`;
  const isHost = URL.canParse(said);
  const address = isHost ? said : `${scheme}://localhost${url}`;
  if (!url.startsWith("/") || !URL.canParse(address)) return undefined;
  const all = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    all.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  }
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  const request = new Request(address, {
    method,
    headers: all,
    signal,
    ...(hasBody && method !== "GET" && method !== "HEAD" ? { body } : {}),
  });
  // What cannot be read is handed on as it is, as by Bun's server.
  return isHost ? request : Object.defineProperty(request, "url", { value: said });
}
