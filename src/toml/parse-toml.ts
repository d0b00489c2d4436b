import { parse, TomlError } from "smol-toml";
import { tomlLines } from "./toml-lines.ts";
import { formatTomlPath } from "./toml-path.ts";

export type TomlTable = Readonly<Record<string, unknown>>;

/** What a text is: a table, or no TOML, and in which line and why. */
export type ParsedToml =
  | { readonly kind: "table"; readonly table: TomlTable }
  | { readonly kind: "problem"; readonly line: number; readonly problem: string };

/** Deeper than any file of ours is; nothing that walks a table has to bound its depth. */
const DEPTH_MAX = 100;

/** Reads TOML without dates. Never throws; why it is none is one sentence. */
export function parseToml(toml: string): ParsedToml {
  try {
    const table = parse(toml);
    const odd = findOdd(table);
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

/** A date or time, whose object readers would take for a table, or what is nested too deeply. */
function findOdd(value: unknown, path: OddValue["path"] = []): OddValue | undefined {
  if (value instanceof Date) return { path, why: "is a date, which nothing in this file is: a text stands in quotes" };
  if (typeof value !== "object" || value === null) return undefined;
  if (path.length > DEPTH_MAX) return { path: path.slice(0, 1), why: "is nested too deeply" };
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, item] of entries) {
    const found = findOdd(item, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
