/**
 * Shapes: small total parsers that are put together into that of a document. Each turns a value of unknown form into a
 * typed one, or notes what is wrong with it and where, and goes on.
 */

/** Collects problems with their JSON paths, up to a bound. */
export class Problems {
  readonly #list: string[] = [];
  static readonly MAX = 20;

  get list(): readonly string[] {
    return this.#list;
  }

  add(path: string, text: string): undefined {
    if (this.#list.length < Problems.MAX) this.#list.push(`${path}: ${text}`);
    return undefined;
  }

  /** Notes that `value` is not what was expected. */
  refuse(path: string, value: unknown, expected: string): undefined {
    return this.add(path, `found ${describe(value)}, expected ${expected}`);
  }
}

/** A value in a sentence: short, whatever it is. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "bigint") return String(value);
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Turns an unknown value into a `T`, or into undefined with a problem noted. */
export type Shape<T> = (value: unknown, path: string, problems: Problems) => T | undefined;

interface Required<T> {
  readonly required: Shape<T>;
}

/** A member that has to be there. */
export function required<T>(shape: Shape<T>): Required<T> {
  return { required: shape };
}

/** For each member of `T` its shape; the compiler sees to it that none is forgotten. */
export type Members<T> = {
  readonly [Name in keyof T]-?: Shape<NonNullable<T[Name]>> | Required<NonNullable<T[Name]>>;
};

export const text: Shape<string> = (value, path, problems) =>
  typeof value === "string" ? value : problems.refuse(path, value, "a string");

/** A text of a certain form. */
export function matching(pattern: RegExp, expected: string): Shape<string> {
  return (value, path, problems) =>
    typeof value === "string" && pattern.test(value) ? value : problems.refuse(path, value, expected);
}

export const flag: Shape<boolean> = (value, path, problems) =>
  typeof value === "boolean" ? value : problems.refuse(path, value, "true or false");

/** An integer within bounds, as a number: nearly exact beyond 2^53, where the kernel rounds to pages anyway. */
export function integer(min: number, max: number): Shape<number> {
  return (value, path, problems) => {
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) return number;
    return problems.refuse(path, value, `an integer from ${min} to ${max}`);
  };
}

export const uint16 = integer(0, 0xffff);
export const uint32 = integer(0, 0xffff_ffff);
export const int32 = integer(-(2 ** 31), 2 ** 31 - 1);
export const int64 = integer(-(2 ** 63), 2 ** 63);
export const uint64 = integer(0, 2 ** 64);

/** 64 bits without a sign, exact. */
export const exactUint64: Shape<number | bigint> = (value, path, problems) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === "bigint" && value >= 0n && value < 1n << 64n) return value;
  return problems.refuse(path, value, "an integer from 0 to 2^64-1");
};

export function oneOf<const Name extends string>(...names: readonly Name[]): Shape<Name> {
  return (value, path, problems) =>
    names.includes(value as Name) ? (value as Name) : problems.refuse(path, value, `one of ${names.join(", ")}`);
}

export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, path, problems) => {
    if (!Array.isArray(value)) return problems.refuse(path, value, "an array");
    return value.flatMap((item, index) => {
      const parsed = shape(item, `${path}[${index}]`, problems);
      return parsed === undefined ? [] : [parsed];
    });
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object whose members all have the same shape, under names of any kind. */
export function recordOf<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, path, problems) => {
    if (!isObject(value)) return problems.refuse(path, value, "an object");
    const entries = Object.entries(value).flatMap(([name, item]) => {
      const parsed = shape(item, `${path}[${JSON.stringify(name)}]`, problems);
      return parsed === undefined ? [] : [[name, parsed] as const];
    });
    return Object.fromEntries(entries);
  };
}

/** An object with these members. Others are ignored, as the specification demands; `null` is as good as nothing, as in Go. */
export function object<T>(members: Members<T>): Shape<T> {
  const entries = Object.entries(members) as [string, Shape<unknown> | Required<unknown>][];
  return (value, path, problems) => {
    if (!isObject(value)) return problems.refuse(path, value, "an object");
    const result: Record<string, unknown> = {};
    for (const [name, member] of entries) {
      const at = path === "" ? name : `${path}.${name}`;
      const item = Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined;
      const isRequired = typeof member === "object";
      if (item === undefined) {
        if (isRequired) problems.refuse(at, undefined, "a value: it is required");
        continue;
      }
      const parsed = (isRequired ? member.required : member)(item, at, problems);
      if (parsed !== undefined) result[name] = parsed;
    }
    return result as T;
  };
}
