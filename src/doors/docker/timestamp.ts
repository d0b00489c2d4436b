import { GantryError } from "../../errors/gantry-error.ts";

const NS_PER_SECOND = 1_000_000_000n;

/** What Go writes for a time that never was. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

/** RFC 3339 in UTC with nanoseconds and without trailing zeros, as Go's `RFC3339Nano` prints. */
export function formatTimestamp(timeNs: bigint | undefined): string {
  if (timeNs === undefined) return ZERO_TIME;
  const { seconds, text } = split(timeNs);
  const fraction = text.replace(/0+$/, "");
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}

/** The same with all nine digits, as lines of logs carry it. */
export function formatLogTimestamp(timeNs: bigint): string {
  const { seconds, text } = split(timeNs);
  return `${seconds}.${text}Z`;
}

function split(timeNs: bigint): { readonly seconds: string; readonly text: string } {
  const fraction = ((timeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = new Date(Number((timeNs - fraction) / NS_PER_SECOND) * 1000).toISOString().slice(0, 19);
  return { seconds, text: fraction.toString().padStart(9, "0") };
}

/**
 * Reads a time as clients send it: Unix seconds with up to nine decimals, or RFC 3339.
 *
 * @throws `invalid-argument` naming the parameter.
 */
export function parseTimestamp(text: string, parameter: string): bigint {
  const unix = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix !== null) return BigInt(unix[1] ?? "0") * NS_PER_SECOND + BigInt((unix[2] ?? "").padEnd(9, "0"));
  const date = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const milliseconds = date === null ? Number.NaN : Date.parse(`${date[1]}${date[3]}`);
  if (date === null || Number.isNaN(milliseconds)) {
    throw new GantryError(
      "invalid-argument",
      `invalid value for ${JSON.stringify(parameter)}: ${JSON.stringify(text)} is not a time`,
      {
        hint: "give Unix seconds or RFC 3339",
      },
    );
  }
  return BigInt(milliseconds) * 1_000_000n + BigInt((date[2] ?? "").padEnd(9, "0"));
}
