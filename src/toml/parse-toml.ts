import { parse, TomlError } from "smol-toml";
import { tomlLines } from "./toml-lines.ts";
import { formatTomlPath } from "./toml-path.ts";
import { findUnclosedQuote } from "./unclosed-quote.ts";

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
    const unclosed = describeUnclosedQuote(toml, cause);
    if (unclosed !== undefined) return unclosed;
    // The rest of the message is a drawing of the place.
    const [message = ""] = cause.message.split("\n");
    return { kind: "problem", problem: message.replace("Invalid TOML document: ", ""), line: cause.line };
  }
}

/** The parser tells where such a text cannot go on, not that it never ended: it says "control characters" of the end of its line. */
function describeUnclosedQuote(toml: string, { line, column }: TomlError): ParsedToml | undefined {
  const found = findUnclosedQuote(toml);
  if (found === undefined) return undefined;
  const before = toml.slice(0, found.offset).split("\n");
  const at = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  // What stands after the mistake may be anything.
  if (at.line > line || (at.line === line && at.column > column)) return undefined;
  const where =
    found.quote.length === 3 ? "" : ` on this line, or write ${found.quote.repeat(3)} for a text of several`;
  return {
    kind: "problem",
    line: at.line,
    problem: `the quote ${found.quote} in column ${at.column} is not closed: close it${where}`,
  };
}

interface OddValue {
  readonly path: readonly (string | number)[];
  readonly why: string;
}

/** What is nested too deeply, or a date where none belongs: readers would take its object for a table. */
function findOdd(value: unknown, hasDates: boolean, depth = 0): OddValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof Date) {
    if (hasDates) return undefined;
    return { path: [], why: "is a date, which nothing in this file is: a text stands in quotes" };
  }
  if (depth > DEPTH_MAX) return { path: [], why: "is nested too deeply" };
  // Paths are made of what was found alone: a file may have a hundred thousand values, and few have a problem.
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = findOdd(item, hasDates, depth + 1);
      if (found !== undefined) return { ...found, path: [index, ...found.path] };
    }
    return undefined;
  }
  for (const key of Object.keys(value)) {
    const found = findOdd((value as TomlTable)[key], hasDates, depth + 1);
    if (found !== undefined) return { ...found, path: [key, ...found.path] };
  }
  return undefined;
}
