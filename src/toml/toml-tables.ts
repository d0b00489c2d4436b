import type { TomlTable } from "./parse-toml.ts";
import { formatTomlKey } from "./toml-path.ts";

export interface ReadTomlTablesOptions {
  /** The own path of the list or table: `upstream`, `registry[0].mirror`; "" for the document. */
  readonly path: string;
  /** The keys that a table may have. @default any: `read` sees to it */
  readonly known?: readonly string[];
  /** What is wrong is added here, each problem beginning with the path of what it speaks of. */
  readonly problems: string[];
}

export function isTomlTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads a list of tables (`[[upstream]]`), which may be left out. What is no such list is a problem, and so is a key that is not known: it is
 * refused, never ignored.
 *
 * @param read makes something of a table at its path (`upstream[1]`), and adds what is wrong with it; undefined leaves it out.
 */
export function readTomlTables<T>(
  value: unknown,
  { path, known, problems }: ReadTomlTablesOptions,
  read: (table: TomlTable, path: string) => T | undefined,
): readonly T[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    problems.push(`${path} is not a list of tables: write [[${path.replaceAll(/\[\d+\]/g, "")}]]`);
    return [];
  }
  return value.flatMap((item: unknown, index) => {
    const at = `${path}[${index}]`;
    if (!isTomlTable(item)) {
      problems.push(`${at} is not a table`);
      return [];
    }
    if (known !== undefined) refuseUnknownKeys(item, { path: at, known, problems });
    const result = read(item, at);
    return result === undefined ? [] : [result];
  });
}

/** A key that is not known is refused, never ignored: what it was to do would not be done. */
export function refuseUnknownKeys(
  table: TomlTable,
  { path, known, problems }: ReadTomlTablesOptions & { readonly known: readonly string[] },
): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const place = path === "" ? formatTomlKey(key) : `${path}.${formatTomlKey(key)}`;
    problems.push(`${place} ${notKnown(known)}`);
  }
}

/** The end of a sentence about a key that is none of these. */
export function notKnown(known: readonly string[]): string {
  return `is not known (${known.join(", ")} ${known.length === 1 ? "is" : "are"})`;
}
