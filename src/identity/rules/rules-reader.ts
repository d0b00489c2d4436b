import { findTomlLine, tomlLines } from "../../toml/toml-lines.ts";
import { tomlListLines } from "../../toml/toml-list-lines.ts";
import { formatTomlPath, quoteTomlText } from "../../toml/toml-path.ts";
import { notKnown } from "../../toml/toml-tables.ts";

type Path = readonly (string | number)[];
type Table = Readonly<Record<string, unknown>>;

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function describe(value: unknown): string {
  if (typeof value === "string") return quoteTomlText(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "no text";
}

/** Takes values out of a TOML text, and notes everything that is not as it should be with its place. */
export class RulesReader {
  readonly #text: string;
  readonly #fileName: string;
  #listLines: ReadonlyMap<string, readonly number[]> | undefined;
  #lines: ReadonlyMap<string, number> | undefined;
  readonly problems: string[] = [];

  /** @param text what the values are of. */
  constructor(text: string, fileName: string) {
    this.#text = text;
    this.#fileName = fileName;
  }

  /** `access.toml:12`, of one of the tables of `[[name]]`. */
  place(name: string, index: number): string {
    // Every rule has its place, and few files a problem: the lines of all values are found for that alone.
    this.#listLines ??= tomlListLines(this.#text);
    return `${this.#fileName}:${this.#listLines.get(name)?.[index] ?? 1}`;
  }

  problem(path: Path, text: string): void {
    this.#lines ??= tomlLines(this.#text);
    const name = formatTomlPath(path);
    this.problems.push(`${this.#fileName}:${findTomlLine(this.#lines, name) ?? 1}: ${name} ${text}`);
  }

  /** A table with no other keys than these. */
  table(value: unknown, path: Path, keys?: readonly string[]): Table {
    if (!isTable(value)) {
      if (value !== undefined) this.problem(path, "is not a table");
      return {};
    }
    for (const key of keys === undefined ? [] : Object.keys(value)) {
      if (keys?.includes(key) !== true) this.problem([...path, key], notKnown(keys ?? []));
    }
    return value;
  }

  /** The tables of `[[name]]`. */
  tables(value: unknown, name: string): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.problem([name], `is not a list of tables: write [[${name}]]`);
    return [];
  }

  /** A list of texts that `parse` takes; what it gives undefined for is a problem. */
  list<T>(value: unknown, path: Path, options: ListOptions<T>): readonly T[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.problem(path, `is not a list: ${options.what} belong there`);
      return [];
    }
    if (value.length === 0 && options.isNeeded === true) this.problem(path, `is empty: ${options.what} belong there`);
    return value.flatMap((item: unknown, index) => {
      const parsed = typeof item === "string" ? options.parse(item) : undefined;
      if (parsed === undefined)
        this.problem([...path, index], `is ${describe(item)}: only ${options.what} belong there`);
      return parsed ?? [];
    });
  }

  flag(value: unknown, path: Path): boolean {
    if (value === undefined || typeof value === "boolean") return value === true;
    this.problem(path, "is not true or false");
    return false;
  }

  text(value: unknown, path: Path): string | undefined {
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    this.problem(path, "is not a text");
    return undefined;
  }

  /** A moment, in milliseconds since 1970. */
  time(value: unknown, path: Path): number | undefined {
    if (value === undefined) return undefined;
    // A time without a day is one of the year 0, before which nothing was.
    if (value instanceof Date && value.getTime() > 0) return value.getTime();
    this.problem(path, "is not a time such as 2026-01-31T12:00:00Z");
    return undefined;
  }

  /** A whole number from 1, or with `isFraction` any number above 0. */
  number(value: unknown, path: Path, options: { readonly isFraction?: boolean } = {}): number | undefined {
    if (value === undefined) return undefined;
    const isGood =
      typeof value === "number" &&
      value > 0 &&
      value <= Number.MAX_SAFE_INTEGER &&
      (options.isFraction === true || Number.isInteger(value));
    if (isGood) return value;
    this.problem(path, options.isFraction === true ? "is not a number above 0" : "is not a whole number above 0");
    return undefined;
  }
}

export interface ListOptions<T> {
  /** What belongs into it, in the plural, with an example. */
  readonly what: string;
  readonly parse: (text: string) => T | undefined;
  /** An empty one is a problem: what it stands in would hold for nothing. @default false */
  readonly isNeeded?: boolean;
}
