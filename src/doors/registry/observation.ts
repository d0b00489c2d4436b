import type { RegistryRoute } from "./registry-route.ts";

/** What a request was and how it was answered: what logs and metrics are made of. It holds no secret: no query, no header of credentials. */
export interface Observation {
  /** Milliseconds since 1970, when it came. */
  readonly timeMs: number;
  readonly durationMs: number;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly endpoint: RegistryRoute["kind"] | "token" | "health" | "page" | "none";
  readonly repository?: string;
  /** Undefined: nobody with a name. */
  readonly user?: string;
  /** The client's. */
  readonly address: string;
  readonly userAgent: string;
  readonly status: number;
  /** What bodies had, as far as their heads said. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}
