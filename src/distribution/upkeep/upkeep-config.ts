import type { TomlTable } from "../../toml/parse-toml.ts";
import { isTomlTable, refuseUnknownKeys } from "../../toml/toml-tables.ts";
import { GRACE_MS } from "../repositories/repositories.ts";
import { parseDuration } from "./retention/duration.ts";
import { parseRetention } from "./retention/parse-retention.ts";
import type { RetentionRule } from "./retention/retention-rule.ts";

/** How a registry looks after what it keeps. */
export interface UpkeepConfig {
  readonly collection: {
    /** How long a blob is kept that no manifest refers to, since its pusher was last told that it is there. */
    readonly graceMs: number;
    /** From the end of one collection to the next. */
    readonly intervalMs: number;
    /** An upload to which nothing came for so long is given up. */
    readonly uploadsIdleMs: number;
  };
  readonly scrub: {
    /** What is read at most; 0: nothing. */
    readonly bytesPerSecond: number;
    /** From the end of one pass over the store to the next. */
    readonly intervalMs: number;
  };
  readonly retention: readonly RetentionRule[];
}

const HOUR_MS = 3_600_000;

/** What holds where nothing else is said. */
export const DEFAULT_UPKEEP: UpkeepConfig = {
  collection: { graceMs: GRACE_MS, intervalMs: HOUR_MS, uploadsIdleMs: 24 * HOUR_MS },
  scrub: { bytesPerSecond: 10_000_000, intervalMs: 7 * 24 * HOUR_MS },
  retention: [],
};

/** Shorter would forget who was told of a blob a moment ago. */
const DURATION_MS_MIN = 1000;

/** The keys of `registry.toml` that are read here. */
export const UPKEEP_KEYS = ["collection", "scrub", "retention"] as const;

/**
 * Reads what `registry.toml` says of upkeep:
 *
 * ```toml
 * [collection]
 * grace = "1h"          # how long a blob is kept that no manifest refers to
 * interval = "1h"       # from one collection to the next
 * uploads-idle = "24h"  # an upload to which nothing came for so long is given up
 *
 * [scrub]
 * rate = "10MB"         # bytes that are read in a second; "0" for never
 * interval = "7d"       # from the end of one pass to the next
 *
 * [[retention]]         # see `parseRetention`
 * repositories = "team/**"
 * keep-tags = 10
 * ```
 *
 * @param problems what is wrong is added here, each with its place; a key that is not known is refused, never ignored.
 */
export function readUpkeep(document: TomlTable, problems: string[]): UpkeepConfig {
  const collection = readTable(document, "collection", { known: ["grace", "interval", "uploads-idle"], problems });
  const scrub = readTable(document, "scrub", { known: ["rate", "interval"], problems });
  const duration = (table: TomlTable, path: readonly [string, string], usualMs: number): number => {
    const durationMs = table[path[1]] === undefined ? usualMs : (parseDuration(table[path[1]]) ?? 0);
    if (durationMs < DURATION_MS_MIN) problems.push(`${path.join(".")} is not a duration such as "90s" or "12h"`);
    return durationMs;
  };
  const usual = DEFAULT_UPKEEP;
  return {
    collection: {
      graceMs: duration(collection, ["collection", "grace"], usual.collection.graceMs),
      intervalMs: duration(collection, ["collection", "interval"], usual.collection.intervalMs),
      uploadsIdleMs: duration(collection, ["collection", "uploads-idle"], usual.collection.uploadsIdleMs),
    },
    scrub: {
      bytesPerSecond: scrub.rate === undefined ? usual.scrub.bytesPerSecond : readRate(scrub.rate, problems),
      intervalMs: duration(scrub, ["scrub", "interval"], usual.scrub.intervalMs),
    },
    retention: parseRetention(document.retention, problems),
  };
}

interface Reading {
  readonly known: readonly string[];
  readonly problems: string[];
}

function readTable(document: TomlTable, name: string, { known, problems }: Reading): TomlTable {
  const value = document[name] ?? {};
  if (!isTomlTable(value)) {
    problems.push(`${name} is not a table: write [${name}]`);
    return {};
  }
  refuseUnknownKeys(value, { path: name, known, problems });
  return value;
}

const UNITS = { "": 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9 } as const;

/** Reads a number of bytes: `10MB`. @returns undefined for anything else */
export function parseRate(value: unknown): number | undefined {
  const [, count, unit] = (typeof value === "string" && /^([0-9]{1,6})(|B|kB|MB|GB)$/.exec(value)) || [];
  return count === undefined ? undefined : Number(count) * UNITS[unit as keyof typeof UNITS];
}

function readRate(value: unknown, problems: string[]): number {
  const rate = parseRate(value);
  if (rate === undefined) problems.push('scrub.rate is not a number of bytes for each second, such as "10MB"');
  return rate ?? 0;
}
