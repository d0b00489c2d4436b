import type { Filters } from "../../api/filters.ts";

/** One `--filter name=value`. */
export interface Filter {
  readonly name: string;
  readonly value: string;
}

export function parseFilter(text: string): Filter {
  const equals = text.indexOf("=");
  if (equals < 0) throw new Error("bad format of filter (expected name=value)");
  return { name: text.slice(0, equals).trim().toLowerCase(), value: text.slice(equals + 1).trim() };
}

/** Filters as the API takes them; `undefined` if there is none. */
export function collectFilters(filters: readonly Filter[]): Filters | undefined {
  if (filters.length === 0) return undefined;
  const collected: Record<string, string[]> = Object.create(null);
  for (const { name, value } of filters) {
    const values = collected[name] ?? [];
    if (!values.includes(value)) values.push(value);
    collected[name] = values;
  }
  return { ...collected };
}
