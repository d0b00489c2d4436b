import { parseDuration } from "./duration.ts";

const MS_PER_SECOND = 1000;
const NS_PER_SECOND = 1_000_000_000;
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

export interface TimestampSources {
  readonly nowMs: number;
  /** Minutes that local time is ahead of UTC at a moment. */
  readonly localOffsetMinutes: (atMs: number) => number;
}

function zoneOffsetMinutes(zone: string): number {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

function parseDateTime(text: string, sources: TimestampSources): string | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone] = match;
  const asUtc = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Date.parse takes 31 February for 3 March; what does not come back as it went in is no date.
  if (Number.isNaN(asUtc) || !new Date(asUtc).toISOString().startsWith(`${year}-${month}-${day}`)) return undefined;
  let offset = 0;
  if (zone === undefined) offset = sources.localOffsetMinutes(asUtc);
  else if (zone !== "Z") offset = zoneOffsetMinutes(zone);
  const seconds = asUtc / MS_PER_SECOND - offset * 60;
  return `${seconds}.${fraction.padEnd(9, "0")}`;
}

/**
 * A moment as `--since` and `--until` take it, as Unix seconds with nine digits of fraction: `10m` (ago), `1700000000`,
 * `1700000000.5`, `2024-01-31`, `2024-01-31T10:00`, `2024-01-31T10:00:00.5+02:00`. Without a zone, local time.
 */
export function parseTimestamp(text: string, sources: TimestampSources): string {
  const seconds = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds !== null) return `${seconds[1]}.${(seconds[2] ?? "").padEnd(9, "0")}`;
  const ago = parseDuration(text);
  if (ago !== undefined) {
    const nanoseconds = BigInt(Math.round(sources.nowMs * 1e6)) - BigInt(ago);
    const whole = nanoseconds / BigInt(NS_PER_SECOND);
    return `${whole}.${String(nanoseconds % BigInt(NS_PER_SECOND)).padStart(9, "0")}`;
  }
  const moment = parseDateTime(text, sources);
  if (moment === undefined) {
    throw new Error(
      `invalid time ${JSON.stringify(text)}: use a duration (10m), a date (2024-01-31T10:00:00) or Unix seconds`,
    );
  }
  return moment;
}
