import { formatJson, formatValue, isTruthy, typeName } from "./format-value.ts";
import { printf } from "./printf.ts";

/** A function of templates. What it throws becomes `error calling NAME: …`. */
export type TemplateFunction = (...args: readonly unknown[]) => unknown;

export type FunctionTable = Readonly<Record<string, TemplateFunction>>;

function text(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new Error(`wrong type for value of ${name}; expected string; got ${typeName(value)}`);
}

function whole(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new Error(`cannot index slice/array with type ${typeName(value)}`);
}

function index(container: unknown, ...keys: readonly unknown[]): unknown {
  let current = container;
  for (const key of keys) {
    if (current === null || current === undefined) throw new Error("index of untyped nil");
    if (Array.isArray(current) || typeof current === "string") {
      const position = whole(key);
      if (position < 0 || position >= current.length) throw new Error(`index out of range: ${position}`);
      current = typeof current === "string" ? Buffer.from(current)[position] : current[position];
    } else if (typeof current === "object") {
      const name = typeof key === "string" ? key : formatValue(key);
      // Of Go's typed maps a missing key gives the empty value, which most of Docker's hold: a string.
      current = Object.hasOwn(current, name) ? (current as Record<string, unknown>)[name] : "";
    } else {
      throw new Error(`can't index item of type ${typeName(current)}`);
    }
  }
  return current;
}

function slice(value: unknown, ...bounds: readonly unknown[]): unknown {
  if (typeof value !== "string" && !Array.isArray(value))
    throw new Error(`can't slice item of type ${typeName(value)}`);
  const [start = 0, end = value.length] = bounds.map(whole);
  if (start < 0 || end > value.length) throw new Error(`index out of range: ${start < 0 ? start : end}`);
  if (start > end) throw new Error(`invalid slice index: ${start} > ${end}`);
  return value.slice(start, end);
}

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new Error(value === null || value === undefined ? "len of nil pointer" : `len of type ${typeName(value)}`);
}

type Basic = "bool" | "number" | "string" | "nil";

function basicKind(value: unknown): Basic {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "number";
  if (typeof value === "string") return "string";
  if (value === null || value === undefined) return "nil";
  throw new Error(`non-comparable type ${formatValue(value)}: ${typeName(value)}`);
}

function isEqual(left: unknown, right: unknown): boolean {
  const kinds = [basicKind(left), basicKind(right)];
  if (kinds[0] === kinds[1]) return kinds[0] === "nil" || left === right;
  if (kinds.includes("nil")) return false;
  throw new Error("incompatible types for comparison");
}

function isLess(left: unknown, right: unknown): boolean {
  if (typeof left === "number" && typeof right === "number") return left < right;
  if (typeof left === "string" && typeof right === "string") {
    return Buffer.compare(Buffer.from(left), Buffer.from(right)) < 0;
  }
  const isBasic = basicKind(left) === basicKind(right);
  throw new Error(isBasic ? "invalid type for comparison" : "incompatible types for comparison");
}

/** Go's `fmt.Sprint`: a space between operands when neither is a string. */
function print(...values: readonly unknown[]): string {
  let printed = "";
  values.forEach((value, position) => {
    const isSpaced = position > 0 && typeof value !== "string" && typeof values[position - 1] !== "string";
    printed += (isSpaced ? " " : "") + formatValue(value);
  });
  return printed;
}

const HTML: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", "'": "&#39;", '"': "&#34;" };

function capitalize(value: string): string {
  return value.replace(/(^|[\s_-])(\p{L})/gu, (_, before: string, letter: string) => before + letter.toUpperCase());
}

function pad(value: unknown, before: unknown, after: unknown): string {
  const padded = text(value, "pad");
  return padded === ""
    ? ""
    : " ".repeat(Math.min(1000, whole(before))) + padded + " ".repeat(Math.min(1000, whole(after)));
}

/** `and` and `or` are not here: they do not evaluate all of their arguments. */
export const BUILT_IN_FUNCTIONS: FunctionTable = {
  // Go's own.
  not: (value) => !isTruthy(value),
  len: length,
  index,
  slice,
  print,
  println: (...values) => `${values.map(formatValue).join(" ")}\n`,
  printf: (format, ...values) => printf(text(format, "printf"), values),
  html: (...values) => print(...values).replace(/[<>&'"]/g, (character) => HTML[character] ?? character),
  urlquery: (...values) =>
    encodeURIComponent(print(...values))
      .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll("%20", "+"),
  js: (...values) =>
    JSON.stringify(print(...values))
      .slice(1, -1)
      .replaceAll("'", "\\'"),
  eq: (first, ...others) => {
    if (others.length === 0) throw new Error("missing argument for comparison");
    return others.some((other) => isEqual(first, other));
  },
  ne: (left, right) => !isEqual(left, right),
  lt: (left, right) => isLess(left, right),
  le: (left, right) => isLess(left, right) || isEqual(left, right),
  gt: (left, right) => !isLess(left, right) && !isEqual(left, right),
  ge: (left, right) => !isLess(left, right),
  // Docker's (docker/cli, `templates`).
  json: (value) => formatJson(value),
  split: (value, separator) => text(value, "split").split(text(separator, "split")),
  join: (values, separator) => {
    if (values === null || values === undefined) return "";
    if (!Array.isArray(values)) throw new Error(`wrong type for value; expected []string; got ${typeName(values)}`);
    return values.map(formatValue).join(text(separator, "join"));
  },
  lower: (value) => text(value, "lower").toLowerCase(),
  upper: (value) => text(value, "upper").toUpperCase(),
  title: (value) => capitalize(text(value, "title")),
  pad,
  truncate: (value, size) => [...text(value, "truncate")].slice(0, Math.max(0, whole(size))).join(""),
};

const same: TemplateFunction = (value) => value;

/** What the functions do while a table's headers are printed by its rows' template: they leave the titles alone. */
export const HEADER_FUNCTIONS: FunctionTable = {
  json: same,
  split: same,
  join: same,
  lower: same,
  upper: same,
  title: same,
  truncate: same,
};
