const UNITS_IN_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Nanoseconds from a duration as Go writes it: `1h30m`, `300ms`, `-1.5h`, `0`.
 *
 * @returns `undefined` if it is none.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^([+-]?)(.+)$/.exec(text);
  if (match === null) return undefined;
  const [, sign, body = ""] = match;
  if (body === "0") return 0;
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let nanoseconds = 0;
  while (part.lastIndex < body.length) {
    const found = part.exec(body);
    if (found === null) return undefined;
    nanoseconds += Number(found[1]) * (UNITS_IN_NS[found[2] ?? ""] ?? Number.NaN);
  }
  return Number.isFinite(nanoseconds) ? Math.round(sign === "-" ? -nanoseconds : nanoseconds) : undefined;
}
