import { GantryError } from "../../errors/gantry-error.ts";
import type { DbusValue, Variant } from "../dbus/dbus-value.ts";
import { encodeValues } from "../dbus/encode-values.ts";
import { type DbusType, parseSignature } from "../dbus/signature.ts";

/** The words that GVariant's text form puts before a value to say its type. */
const TYPE_WORDS: Readonly<Record<string, string>> = {
  ...{
    boolean: "b",
    byte: "y",
    int16: "n",
    uint16: "q",
    int32: "i",
    uint32: "u",
    handle: "h",
    int64: "x",
    uint64: "t",
  },
  ...{ double: "d", string: "s", objectpath: "o", signature: "g" },
};

const TOKEN =
  /\s*(?:([[\](),])|(@[^\s'"]+)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|([+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?))|([a-z][a-z0-9]*))/y;
const MAX_DEPTH = 32;

/** A value without a type yet: a number may become any of them. */
type Loose =
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "typed"; readonly signature: string; readonly value: DbusValue }
  | { readonly kind: "list" | "tuple"; readonly elements: readonly Loose[] };

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  fail(): GantryError {
    return new GantryError("invalid-argument", `not a value in GVariant's text form: ${JSON.stringify(this.#text)}`);
  }

  get isAtEnd(): boolean {
    return this.#text.slice(this.#at).trim() === "";
  }

  #next(): RegExpExecArray {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) throw this.fail();
    this.#at = TOKEN.lastIndex;
    return match;
  }

  #peeks(punctuation: string): boolean {
    const rest = this.#text.slice(this.#at).trimStart();
    return rest.startsWith(punctuation);
  }

  value(depth = 0): Loose {
    if (depth > MAX_DEPTH) throw this.fail();
    const [, punctuation, type, quoted, number, word] = this.#next();
    if (punctuation === "[" || punctuation === "(") return this.#elements(punctuation, depth);
    if (type !== undefined) return this.#typed(type.slice(1), depth);
    if (quoted !== undefined) return { kind: "typed", signature: "s", value: unquote(quoted) };
    if (number !== undefined) return { kind: "number", text: number };
    if (word === "true" || word === "false") return { kind: "typed", signature: "b", value: word === "true" };
    const signature = TYPE_WORDS[word ?? ""];
    if (signature === undefined) throw this.fail();
    return this.#typed(signature, depth);
  }

  #typed(signature: string, depth: number): Loose {
    const [type, ...others] = parseSignature(signature);
    if (type === undefined || others.length > 0) throw this.fail();
    return { kind: "typed", signature, value: this.#as(type, this.value(depth + 1)) };
  }

  #elements(open: string, depth: number): Loose {
    const close = open === "[" ? "]" : ")";
    const elements: Loose[] = [];
    while (!this.#peeks(close)) {
      elements.push(this.value(depth + 1));
      if (this.#peeks(",")) this.#next();
      else if (!this.#peeks(close)) throw this.fail();
    }
    this.#next();
    return { kind: open === "[" ? "list" : "tuple", elements };
  }

  #as(type: DbusType, loose: Loose): DbusValue {
    if (loose.kind === "number" && type.kind === "basic") return numberAs(type.code, loose.text) ?? this.#refuse();
    if (loose.kind === "typed" && type.kind === "variant") return { signature: loose.signature, value: loose.value };
    if (loose.kind === "typed") return loose.value;
    if (loose.kind === "list" && type.kind === "array") return loose.elements.map((one) => this.#as(type.element, one));
    if (loose.kind === "tuple" && type.kind === "struct" && type.fields.length === loose.elements.length) {
      return type.fields.map((field, index) => this.#as(field, loose.elements[index] as Loose));
    }
    return this.#refuse();
  }

  #refuse(): never {
    throw this.fail();
  }

  /** The type of what does not say it: numbers are int32 or double. */
  settle(loose: Loose): Variant {
    if (loose.kind === "typed") return loose;
    if (loose.kind === "number") {
      const signature = /^[+-]?(0x|\d+$)/.test(loose.text) ? "i" : "d";
      return { signature, value: numberAs(signature, loose.text) ?? this.#refuse() };
    }
    const settled = loose.elements.map((element) => this.settle(element));
    if (loose.kind === "tuple") {
      return { signature: `(${settled.map((one) => one.signature).join("")})`, value: settled.map((one) => one.value) };
    }
    // The first that says its type says that of all numbers.
    const said = loose.elements.find((element) => element.kind === "typed");
    const signature = said === undefined ? settled[0]?.signature : this.settle(said).signature;
    const [type] = parseSignature(signature ?? "");
    if (type === undefined) throw this.fail();
    return { signature: `a${signature}`, value: loose.elements.map((element) => this.#as(type, element)) };
  }
}

function numberAs(code: string, text: string): DbusValue | undefined {
  if (code === "d") return Number(text);
  const match = /^([+-]?)(0x[0-9a-fA-F]+|\d+)$/.exec(text);
  if (match === null) return undefined;
  const value = BigInt(match[2] ?? "0") * (match[1] === "-" ? -1n : 1n);
  return code === "x" || code === "t" ? value : Number(value);
}

const ESCAPES: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function unquote(text: string): string {
  return text
    .slice(1, -1)
    .replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/gs, (_, code: string) =>
      code.length > 1
        ? String.fromCodePoint(Math.min(Number.parseInt(code.slice(1), 16), 0x10ffff))
        : (ESCAPES[code] ?? code),
    );
}

/**
 * Reads a value in GVariant's text form, as `gdbus` and runc's annotations have it: `true`, `'text'`, `uint64 5`,
 * `['a', 'b']`, `('a', 1)`, `@au []`. Dictionaries and "maybe" types are not among what units take.
 *
 * @throws `invalid-argument` for another text, or a number that does not fit its type.
 */
export function parseGvariant(text: string): Variant {
  const parser = new Parser(text);
  const variant = parser.settle(parser.value());
  if (!parser.isAtEnd) throw parser.fail();
  const { signature, value } = variant;
  encodeValues(signature, [value]);
  return { signature, value };
}
