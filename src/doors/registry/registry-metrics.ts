import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { UPKEEP_METRICS, type UpkeepCounters } from "../../distribution/upkeep/counters.ts";
import type { Observation } from "./observation.ts";

/** Numbers that are known when they are asked for. */
export interface RegistryGauges {
  readonly uploads: () => number;
  readonly notificationsPending: () => number;
  readonly residentBytes: () => number;
  readonly upkeep: Readonly<UpkeepCounters>;
}

/** The registry's metrics, in Prometheus' text format. */
export class RegistryMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"endpoint" | "method" | "status">;
  readonly #seconds: Histogram<"endpoint" | "method">;
  readonly #received: Counter;
  readonly #sent: Counter;

  constructor(gauges: RegistryGauges) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "gantry_registry_requests_total",
      help: "Requests by endpoint, method and status.",
      labelNames: ["endpoint", "method", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "gantry_registry_request_duration_seconds",
      help: "From the head of a request to the head of its answer; a pushed body lies between, a pulled one does not.",
      labelNames: ["endpoint", "method"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    });
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.#received = counter("gantry_registry_received_bytes_total", "Bytes of requests' bodies, as their heads said.");
    this.#sent = counter("gantry_registry_sent_bytes_total", "Bytes of answers' bodies, as their heads said.");
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    };
    gauge("gantry_registry_uploads", "Uploads that were begun and not ended.", gauges.uploads);
    for (const [key, [name, help]] of Object.entries(UPKEEP_METRICS)) {
      new Counter({
        name: `gantry_registry_${name}`,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(gauges.upkeep[key as keyof UpkeepCounters]);
        },
      });
    }
    gauge(
      "gantry_registry_notifications_pending",
      "Events that the slowest listener has not taken yet.",
      gauges.notificationsPending,
    );
    gauge("process_resident_memory_bytes", "Resident memory of the process.", gauges.residentBytes);
  }

  observe({ endpoint, method, status, durationMs, receivedBytes, sentBytes }: Observation): void {
    // A method is the client's word: what no endpoint has would be a label without bound.
    const known = KNOWN_METHODS.has(method) ? method : "other";
    this.#requests.inc({ endpoint, method: known, status });
    this.#seconds.observe({ endpoint, method: known }, durationMs / 1000);
    this.#received.inc(receivedBytes);
    this.#sent.inc(sentBytes);
  }

  /** The answer to a scrape. */
  async scrape(): Promise<Response> {
    return new Response(await this.#registry.metrics(), { headers: { "content-type": this.#registry.contentType } });
  }
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
