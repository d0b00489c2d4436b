/** Who is at the other end of a connection. */
export interface HttpPeer {
  /** An IP address. */
  readonly address: string;
}

export interface HttpServerOptions {
  readonly hostname: string;
  /** 0: one that is free. */
  readonly port: number;
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Must not throw. */
  readonly handle: (request: Request, peer: HttpPeer) => Promise<Response>;
}

export interface HttpServer {
  readonly hostname: string;
  readonly port: number;
  /** No new connections; ends when those that are open have. */
  finish(): Promise<void>;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** A connection on which nothing happens for so long is ended: a client that is gone, or one that only holds it. Seconds. */
const IDLE_SECONDS = 120;

/**
 * Serves HTTP/1.1, with Bun's server: bodies of requests stream with back-pressure, files are sent by the kernel.
 *
 * @throws whatever the kernel says of the address: EADDRINUSE, EACCES.
 */
export function serveHttp(options: HttpServerOptions): HttpServer {
  const server = Bun.serve({
    hostname: options.hostname,
    port: options.port,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    development: false,
    idleTimeout: IDLE_SECONDS,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request, bun) => options.handle(request, { address: bun.requestIP(request)?.address ?? "" }),
  });
  return {
    hostname: server.hostname ?? options.hostname,
    port: server.port ?? options.port,
    finish: () => server.stop(false),
    close: () => server.stop(true),
  };
}

/** The bytes of a file as the body of a response, without reading them here. @param end exclusive */
export function fileBody(path: string, start?: number, end?: number): Blob {
  const file = Bun.file(path);
  return start === undefined ? file : file.slice(start, end);
}
