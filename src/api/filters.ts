/** Filters of lists and events: for each key the values, one of which must hold (for labels: all). */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** As the API's `filters` query takes them; empty string when there is none. */
export function encodeFilters(filters: Filters | undefined): string {
  if (filters === undefined || Object.keys(filters).length === 0) return "";
  return JSON.stringify(filters);
}
