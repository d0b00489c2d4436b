/** JSON whose whole numbers may have 64 bits; what is undefined is left out. */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | readonly Json[]
  | { readonly [name: string]: Json };

/** As `JSON.stringify`, with every digit of a `bigint`. */
export function stringifyExact(value: Json): string {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map((one: Json) => stringifyExact(one ?? null)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${stringifyExact(field)}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}
