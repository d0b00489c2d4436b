const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** A hundred years: whoever means for ever leaves it out. */
const DURATION_MS_MAX = 36_500 * UNITS_MS.d;

/** Reads `90s`, `15m`, `12h`, `30d`, `2w`. @returns undefined for anything else */
export function parseDuration(value: unknown): number | undefined {
  const [, count, unit] = (typeof value === "string" && /^([0-9]{1,9})([smhdw])$/.exec(value)) || [];
  if (count === undefined) return undefined;
  const durationMs = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  return durationMs <= DURATION_MS_MAX ? durationMs : undefined;
}

/** The shortest exact form that `parseDuration` reads. */
export function formatDuration(durationMs: number): string {
  const units = Object.entries(UNITS_MS).toReversed();
  const [unit, unitMs] = units.find(([, ms]) => durationMs >= ms && durationMs % ms === 0) ?? ["s", UNITS_MS.s];
  return `${Math.floor(durationMs / unitMs)}${unit}`;
}
