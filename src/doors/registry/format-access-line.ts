import type { Observation } from "./observation.ts";

/** What a client sends for a path or a user agent is cut there. */
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
