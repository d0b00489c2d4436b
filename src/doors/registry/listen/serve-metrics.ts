import { serveHttp } from "../../../platform/http/http-server.ts";
import type { RegistryMetrics } from "../registry-metrics.ts";
import type { ListenAddress } from "./listen-address.ts";
import { listenOn } from "./listen-on.ts";

export interface ServeMetricsOptions {
  readonly listen: ListenAddress;
  readonly metrics: RegistryMetrics;
}

/** The page that Prometheus reads, open. */
export interface MetricsDoor extends AsyncDisposable {
  readonly address: ListenAddress;
}

/** Serves `/metrics` apart from the registry, since it tells of everybody. @throws `unavailable` if the address cannot be had */
export async function serveMetrics({ listen, metrics }: ServeMetricsOptions): Promise<MetricsDoor> {
  const handle = async (request: Request): Promise<Response> =>
    new URL(request.url).pathname === "/metrics"
      ? await metrics.scrape()
      : new Response("see /metrics\n", { status: 404 });
  const server = await listenOn("metrics", listen, () => serveHttp({ ...listen, handle }));
  return { address: { ...listen, port: server.port }, [Symbol.asyncDispose]: () => server.close() };
}
