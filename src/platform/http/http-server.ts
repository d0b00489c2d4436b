import { once } from "node:events";
import { createServer } from "node:net";
import { DescriptorWatch } from "./descriptor-watch.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import { type NodeHttpServer, serveNodeHttp } from "./node-http-server.ts";
import { OpenConnections } from "./open-connections.ts";
import type { ServerTls } from "./server-tls.ts";

export interface HttpServer {
  readonly port: number;
  /** New connections get this from now on; requests that are being answered go on, idle connections end. Only of a server that has TLS. */
  replaceTls(tls: ServerTls): Promise<void>;
  /** Ends every connection: idle ones at once, others when they are answered, or have not been for two seconds. */
  close(): Promise<void>;
}

/** A connection on which nothing happens for so long is ended: a client that is gone, or one that only holds it. Seconds. */
export const IDLE_SECONDS = 120;

/** How long a server that ends waits for the answers that it has begun. */
const LAST_ANSWERS_MS = 2000;

/**
 * Serves HTTP/1.1: bodies stream with back-pressure, and the requests of a connection are answered one after the other.
 *
 * @throws whatever the kernel says of the address: EADDRINUSE, EACCES.
 */
export async function serveHttp(options: HttpServerOptions): Promise<HttpServer> {
  if (options.port !== 0) await requireFree(options);
  const connections = new OpenConnections(IDLE_SECONDS * 1000);
  const watch = new DescriptorWatch({
    relieve: () => connections.endOlderHalf(),
    onScarce: options.onScarce ?? (() => {}),
  });
  const mustWait = (): boolean => watch.isFull(connections.busyCount);
  const listen = async (tls: ServerTls | undefined, port: number): Promise<NodeHttpServer> => {
    const all = { ...options, port, connections, mustWait };
    if (tls?.clientAuthority === undefined) return await serveNodeHttp(tls === undefined ? all : { ...all, tls });
    // Bun's own server does not tell a client's certificate.
    const { serveWithClientCertificates } = await import("./client-certificate-server.ts");
    return await serveWithClientCertificates({ ...all, tls });
  };
  let server = await listen(options.tls, options.port);
  /** Those before, which still answer somebody. */
  const ending = new Set<NodeHttpServer>();
  return {
    port: server.port,
    async replaceTls(tls) {
      if (server.replaceTls !== undefined) return server.replaceTls(tls);
      // Bun's server keeps the certificate that it began with (measured: `reload` does not change it): another one takes its place at
      // the same address.
      const before = server;
      server = await listen(tls, before.port);
      ending.add(before);
      void before.stop(false).finally(() => ending.delete(before));
    },
    async close() {
      watch[Symbol.dispose]();
      const servers = [server, ...ending];
      for (const one of servers) void one.stop(false);
      await connections.end(LAST_ANSWERS_MS);
      await Promise.all(servers.map((one) => one.stop(true)));
    },
  };
}

/** `reusePort`, which replacing a certificate needs, lets a second server of the same user listen too, and each gets some of the clients. */
async function requireFree({ hostname, port }: HttpServerOptions): Promise<void> {
  const probe = createServer();
  const listening = once(probe, "listening");
  probe.listen({ host: hostname, port, exclusive: true });
  await listening;
  probe.close();
  await once(probe, "close");
}
