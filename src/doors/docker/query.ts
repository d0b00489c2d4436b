import type { Filters } from "../../api/filters.ts";
import { RequestError } from "./error-status.ts";

const FALSE_WORDS = new Set(["", "0", "no", "false", "none"]);

/** The query of a request, read as Docker reads it. */
export class Query {
  readonly #parameters: URLSearchParams;

  constructor(parameters: URLSearchParams) {
    this.#parameters = parameters;
  }

  /** Undefined when it is left out or empty. */
  text(name: string): string | undefined {
    const value = this.#parameters.get(name);
    return value === null || value === "" ? undefined : value;
  }

  /** Every value of a name that may come several times. */
  texts(name: string): readonly string[] {
    return this.#parameters.getAll(name).filter((value) => value !== "");
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** Everything but nothing, `0`, `no`, `false` and `none` is true. */
  flag(name: string, fallback = false): boolean {
    const value = this.#parameters.get(name);
    return value === null ? fallback : !FALSE_WORDS.has(value.trim().toLowerCase());
  }

  /** @throws 400 if it is there and no whole number between `minimum` and 2^31 - 1. */
  integer(name: string, minimum = 0): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^[+-]?\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(number) || number < minimum || number > 0x7fff_ffff) {
      throw new RequestError(
        400,
        `invalid value for ${JSON.stringify(name)}: ${JSON.stringify(value)} is not a number in range`,
      );
    }
    return number;
  }

  /**
   * The `filters` parameter: JSON of names to lists of values, or (old clients) to sets of values.
   *
   * @throws 400 for what is neither, or for a name that is not in `accepted`.
   */
  filters(accepted: readonly string[]): Filters {
    const text = this.text("filters");
    if (text === undefined) return {};
    const filters = parseFilters(text);
    for (const name of Object.keys(filters)) {
      if (!accepted.includes(name)) throw new RequestError(400, `invalid filter '${name}'`);
    }
    return filters;
  }
}

function parseFilters(text: string): Record<string, readonly string[]> {
  const malformed = new RequestError(400, "invalid filter: it is not JSON of names to values");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw malformed;
  const filters: Record<string, readonly string[]> = Object.create(null);
  for (const [name, values] of Object.entries(parsed)) {
    if (Array.isArray(values) && values.every((value) => typeof value === "string")) filters[name] = values;
    else if (typeof values === "object" && values !== null && !Array.isArray(values)) {
      filters[name] = Object.entries(values).flatMap(([value, isSet]) => (isSet === true ? [value] : []));
    } else throw malformed;
  }
  return filters;
}
