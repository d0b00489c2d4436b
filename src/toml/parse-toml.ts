import { parse, TomlError } from "smol-toml";
import { tomlLines } from "./toml-lines.ts";
import { formatTomlPath } from "./toml-path.ts";

export type TomlTable = Readonly<Record<string, unknown>>;

/** What a text is: a table, or no TOML, and in which line and why. */
export type ParsedToml =
  | { readonly kind: "table"; readonly table: TomlTable }
  | { readonly kind: "problem"; readonly line: number; readonly problem: string };

export interface ParseTomlOptions {
  /** Dates are values like others, as `Date`; one of no known zone is in UTC. @default false */
  readonly hasDates?: boolean;
}

/** Deeper than any file of ours is; nothing that walks a table has to bound its depth. */
const DEPTH_MAX = 100;

/** Reads TOML. Never throws; why it is none is one sentence. */
export function parseToml(toml: string, options: ParseTomlOptions = {}): ParsedToml {
  try {
    const table = parse(toml);
    const odd = findOdd(table, options.hasDates ?? false);
    if (odd === undefined) return { kind: "table", table };
    const path = formatTomlPath(odd.path);
    return { kind: "problem", problem: `${path} ${odd.why}`, line: tomlLines(toml).get(path) ?? 1 };
  } catch (cause) {
    if (!(cause instanceof TomlError)) return { kind: "problem", problem: "it is nested too deeply", line: 1 };
    // The rest of the message is a drawing of the place.
    const [message = ""] = cause.message.split("\n");
    return { kind: "problem", problem: message.replace("Invalid TOML document: ", ""), line: cause.line };
  }
}

interface OddValue {
  readonly path: readonly (string | number)[];
  readonly why: string;
}

/** What is nested too deeply, or a date where none belongs: readers would take its object for a table. */
function findOdd(value: unknown, hasDates: boolean, path: OddValue["path"] = []): OddValue | undefined {
  if (value instanceof Date) {
    if (hasDates) return undefined;
    return { path, why: "is a date, which nothing in this file is: a text stands in quotes" };
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (path.length > DEPTH_MAX) return { path: path.slice(0, 1), why: "is nested too deeply" };
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, item] of entries) {
    if (typeof item !== "object") continue;
    const found = findOdd(item, hasDates, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
