import { parse } from "smol-toml";
import { GantryError } from "../../errors/gantry-error.ts";
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

type Table = Readonly<Record<string, unknown>>;

/** Shorter would forget who was told of a blob a moment ago. */
const DURATION_MS_MIN = 1000;

/**
 * Reads `registry.toml`:
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
 * @throws `invalid-argument` naming everything that is wrong; a key that is not known is refused, never ignored.
 */
export function parseUpkeepConfig(toml: string): UpkeepConfig {
  let document: Table;
  try {
    document = parse(toml);
  } catch (cause) {
    const [line = "it is not TOML"] = cause instanceof Error ? cause.message.split("\n") : [];
    throw new GantryError("invalid-argument", `invalid registry.toml: ${line}`, { cause });
  }
  const problems: string[] = [];
  refuseUnknown(document, "", { known: ["collection", "scrub", "retention"], problems });
  const collection = readTable(document, "collection", { known: ["grace", "interval", "uploads-idle"], problems });
  const scrub = readTable(document, "scrub", { known: ["rate", "interval"], problems });
  const usual = DEFAULT_UPKEEP;
  const duration = (table: Table, path: readonly [string, string], usualMs: number): number => {
    const durationMs = table[path[1]] === undefined ? usualMs : (parseDuration(table[path[1]]) ?? 0);
    if (durationMs < DURATION_MS_MIN) problems.push(`${path.join(".")} is not a duration such as "90s" or "12h"`);
    return durationMs;
  };
  const config: UpkeepConfig = {
    collection: {
      graceMs: duration(collection, ["collection", "grace"], usual.collection.graceMs),
      intervalMs: duration(collection, ["collection", "interval"], usual.collection.intervalMs),
      uploadsIdleMs: duration(collection, ["collection", "uploads-idle"], usual.collection.uploadsIdleMs),
    },
    scrub: {
      bytesPerSecond: readRate(scrub.rate, problems),
      intervalMs: duration(scrub, ["scrub", "interval"], usual.scrub.intervalMs),
    },
    retention: parseRetention(document.retention, problems),
  };
  if (problems.length === 0) return config;
  throw new GantryError("invalid-argument", `invalid registry.toml: ${problems.join("; ")}`);
}

interface Reading {
  readonly known: readonly string[];
  readonly problems: string[];
}

function readTable(document: Table, name: string, reading: Reading): Table {
  const value = document[name] ?? {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    reading.problems.push(`${name} is not a table: write [${name}]`);
    return {};
  }
  refuseUnknown({ ...value }, `${name}.`, reading);
  return { ...value };
}

function refuseUnknown(table: Table, prefix: string, { known, problems }: Reading): void {
  for (const key of Object.keys(table)) if (!known.includes(key)) problems.push(`${prefix}${key} is not known`);
}

const UNITS = { "": 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9 } as const;

function readRate(value: unknown, problems: string[]): number {
  if (value === undefined) return DEFAULT_UPKEEP.scrub.bytesPerSecond;
  const [, count, unit] = (typeof value === "string" && /^([0-9]{1,6})(|B|kB|MB|GB)$/.exec(value)) || [];
  if (count !== undefined) return Number(count) * UNITS[unit as keyof typeof UNITS];
  problems.push('scrub.rate is not a number of bytes for each second, such as "10MB"');
  return 0;
}
