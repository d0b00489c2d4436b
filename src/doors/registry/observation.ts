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

const TEXT_LENGTH_MAX = 512;

function clip(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}…`;
}

/** A line of the access log: JSON, without its newline. */
export function formatAccessLine(observation: Observation): string {
  const { timeMs, path, userAgent, durationMs, ...rest } = observation;
  return JSON.stringify({
    time: new Date(timeMs).toISOString(),
    ...rest,
    path: clip(path),
    userAgent: clip(userAgent),
    durationMs: Math.round(durationMs * 1000) / 1000,
  });
}
