import type { TomlTable } from "../../../toml/parse-toml.ts";
import { readTomlTables } from "../../../toml/toml-tables.ts";
import { parseDuration } from "./duration.ts";
import { limitsTags, type RetentionRule } from "./retention-rule.ts";

/** Where what is wrong is collected. */
interface Reader {
  readonly table: TomlTable;
  readonly place: string;
  readonly problems: string[];
}

const KEYS = [
  "repositories",
  "keep",
  "keep-tags",
  "keep-pushed-within",
  "keep-pulled-within",
  "delete-untagged-after",
] as const;

type Key = (typeof KEYS)[number];

const PATTERN_LENGTH_MAX = 255;

/**
 * Reads the `[[retention]]` tables of `registry.toml`; for a repository the first one holds whose pattern matches.
 *
 * ```toml
 * [[retention]]
 * repositories = "team/**"        # or a list; * stands for anything but a slash, ** for anything
 * keep = ["v*", "latest"]         # tags that always stay, beside what is counted
 * keep-tags = 10                  # the newest ten others
 * keep-pushed-within = "7d"       # and what was tagged
 * keep-pulled-within = "30d"      # or pulled lately
 * delete-untagged-after = "7d"    # what no tag and no index names any more
 * ```
 *
 * @param problems what is wrong is added here, each with its place; a key that is not known is refused, never ignored.
 */
export function parseRetention(value: unknown, problems: string[]): readonly RetentionRule[] {
  return readTomlTables(value, { path: "retention", known: KEYS, problems }, (table, place) =>
    readRule({ table, place, problems }),
  );
}

function readRule(reader: Reader): RetentionRule {
  const { table, place, problems } = reader;
  const repositories = readPatterns(reader, "repositories") ?? [];
  if (table.repositories === undefined) problems.push(`${place}.repositories is missing: "**" means all`);
  for (const pattern of repositories.filter((one) => !fitsRepositories(one))) {
    const belongs = "without the registry, in lower case and without a slash at either end";
    problems.push(
      `${place}.repositories has ${JSON.stringify(pattern)}, which fits no repository: write it ${belongs}`,
    );
  }
  const keep = readPatterns(reader, "keep");
  const optional = {
    keepTags: readCount(reader, "keep-tags"),
    keepPushedWithinMs: readDuration(reader, "keep-pushed-within"),
    keepPulledWithinMs: readDuration(reader, "keep-pulled-within"),
    deleteUntaggedAfterMs: readDuration(reader, "delete-untagged-after"),
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  const rule: RetentionRule = { place, repositories, keep: keep ?? [], ...given };
  const saysNothing = !limitsTags(rule) && (keep !== undefined || table["delete-untagged-after"] === undefined);
  if (saysNothing) {
    // A list of exceptions from nothing is more likely a mistake than the wish to delete all else.
    problems.push(`${place} takes no tag away: add keep-tags, keep-pushed-within or keep-pulled-within`);
  }
  return rule;
}

function readPatterns({ table, place, problems }: Reader, key: Key): readonly string[] | undefined {
  const value = table[key];
  if (value === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isPattern = (item: unknown): item is string =>
    typeof item === "string" && item.length > 0 && item.length <= PATTERN_LENGTH_MAX;
  if (list.length > 0 && list.every(isPattern)) return list;
  problems.push(`${place}.${key} is not a pattern such as "v*", or a list of them`);
  return [];
}

/** False for what no name of a repository has, so that the rule would hold for nothing. */
function fitsRepositories(pattern: string): boolean {
  return /^(?!\/)[a-z0-9._/*?-]+(?<!\/)$/.test(pattern);
}

function readCount({ table, place, problems }: Reader, key: Key): number | undefined {
  const value = table[key];
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  problems.push(`${place}.${key} is not a whole number from 0 on`);
  return undefined;
}

function readDuration({ table, place, problems }: Reader, key: Key): number | undefined {
  const value = table[key];
  if (value === undefined) return undefined;
  const durationMs = parseDuration(value);
  if (durationMs === undefined) problems.push(`${place}.${key} is not a duration such as "12h" or "30d"`);
  return durationMs;
}
