import { parse } from "smol-toml";
import { tomlLines } from "./toml-lines.ts";
import { formatTomlPath } from "./toml-path.ts";

export type TomlTable = Readonly<Record<string, unknown>>;

/** What a text is: a table, or no TOML, and in which line and why. */
export type ParsedToml =
  | { readonly kind: "table"; readonly table: TomlTable }
  | { readonly kind: "problem"; readonly line: number; readonly problem: string };

/** Reads TOML without dates. Never throws; why it is none is one sentence. */
export function parseToml(toml: string): ParsedToml {
  try {
    const table = parse(toml);
    const date = findDate(table);
    if (date === undefined) return { kind: "table", table };
    const problem = `${formatTomlPath(date)} is a date, which nothing in this file is: a text stands in quotes`;
    return { kind: "problem", problem, line: tomlLines(toml).get(formatTomlPath(date)) ?? 1 };
  } catch (cause) {
    // The rest of the message is a drawing of the place.
    const [message = ""] = cause instanceof Error ? cause.message.split("\n") : [];
    const problem = message.replace("Invalid TOML document: ", "") || "it is not TOML";
    const line = typeof cause === "object" && cause !== null && "line" in cause ? Number(cause.line) : 1;
    return { kind: "problem", problem, line };
  }
}

/** The path of a date or time: readers would take its object for a table. */
function findDate(value: unknown, path: readonly (string | number)[] = []): typeof path | undefined {
  if (value instanceof Date) return path;
  if (typeof value !== "object" || value === null) return undefined;
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  for (const [key, item] of entries) {
    const found = findDate(item, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
