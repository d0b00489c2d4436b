import { TemplateError } from "./template-error.ts";

/** A piece of an action. */
export type Token =
  | { readonly kind: "field" | "variable" | "identifier" | "symbol"; readonly text: string; readonly offset: number }
  | { readonly kind: "string"; readonly text: string; readonly value: string; readonly offset: number }
  | { readonly kind: "number"; readonly text: string; readonly value: number; readonly offset: number }
  | { readonly kind: "space"; readonly text: string; readonly offset: number };

/** Literal text, or what stands between `{{` and `}}`. */
export type Segment =
  | { readonly kind: "text"; readonly text: string; readonly offset: number }
  | { readonly kind: "action"; readonly tokens: readonly Token[]; readonly offset: number };

const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/y;
const SPACE = /[ \t\r\n]+/y;
const TEMPLATE_LENGTH_MAX = 1 << 20;

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function fail(text: string, offset: number, sentence: string): never {
  throw new TemplateError(`template: :${lineOf(text, offset)}: ${sentence}`);
}

/** Reads a quoted string or character from its opening quote on. */
function scanQuoted(text: string, start: number): { value: string; end: number } {
  const quote = text[start];
  let value = "";
  for (let index = start + 1; index < text.length; index++) {
    const character = text[index] ?? "";
    if (character === quote) return { value, end: index + 1 };
    if (character === "\n") break;
    if (character !== "\\") {
      value += character;
      continue;
    }
    const escaped = text[++index] ?? "";
    const simple = Object.hasOwn(SIMPLE_ESCAPES, escaped) ? SIMPLE_ESCAPES[escaped] : undefined;
    if (simple !== undefined) {
      value += simple;
      continue;
    }
    const coded = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(
      text.slice(index, index + 9),
    );
    const code =
      coded === null
        ? Number.NaN
        : Number.parseInt(coded[1] ?? coded[2] ?? coded[3] ?? coded[4] ?? "", coded[4] === undefined ? 16 : 8);
    if (coded === null || code > 0x10ffff) return fail(text, start, "invalid syntax in a quoted string");
    value += String.fromCodePoint(code);
    index += coded[0].length - 1;
  }
  return fail(text, start, quote === "'" ? "unterminated character constant" : "unterminated quoted string");
}

function parseNumber(text: string): number {
  const plain = text.replaceAll("_", "");
  const sign = plain.startsWith("-") ? -1 : 1;
  const digits = plain.replace(/^[+-]/, "");
  return sign * (/^0\d+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits));
}

function matchAt(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0];
}

/** Reads one token of an action. */
function scanToken(text: string, offset: number): { token: Token; end: number } {
  const character = text[offset] ?? "";
  const space = matchAt(SPACE, text, offset);
  if (space !== undefined) return { token: { kind: "space", text: space, offset }, end: offset + space.length };
  if (character === '"' || character === "'") {
    const { value, end } = scanQuoted(text, offset);
    const source = text.slice(offset, end);
    if (character === '"') return { token: { kind: "string", text: source, value, offset }, end };
    if ([...value].length !== 1) fail(text, offset, `malformed character constant: ${source}`);
    return { token: { kind: "number", text: source, value: value.codePointAt(0) ?? 0, offset }, end };
  }
  if (character === "`") {
    const close = text.indexOf("`", offset + 1);
    if (close < 0) fail(text, offset, "unterminated raw quoted string");
    const source = text.slice(offset, close + 1);
    return { token: { kind: "string", text: source, value: source.slice(1, -1), offset }, end: close + 1 };
  }
  const number = matchAt(NUMBER, text, offset);
  if (number !== undefined) {
    const end = offset + number.length;
    const value = parseNumber(number);
    if (Number.isNaN(value) || matchAt(NAME, text, end) !== undefined) {
      fail(text, offset, `bad number syntax: ${JSON.stringify(text.slice(offset, end + 1))}`);
    }
    return { token: { kind: "number", text: number, value, offset }, end };
  }
  if (character === "." || character === "$") {
    const name = matchAt(NAME, text, offset + 1) ?? "";
    if (character === ".") {
      const kind = name === "" ? "symbol" : "field";
      return { token: { kind, text: `.${name}`, offset }, end: offset + 1 + name.length };
    }
    return { token: { kind: "variable", text: `$${name}`, offset }, end: offset + 1 + name.length };
  }
  const name = matchAt(NAME, text, offset);
  if (name !== undefined) return { token: { kind: "identifier", text: name, offset }, end: offset + name.length };
  const symbol = text.startsWith(":=", offset) ? ":=" : character;
  if (symbol !== ":=" && !"|(),=".includes(symbol)) {
    fail(text, offset, `unexpected ${JSON.stringify(symbol)} in operand`);
  }
  return { token: { kind: "symbol", text: symbol, offset }, end: offset + symbol.length };
}

/** Length of `}}` or ` -}}` at an offset; 0 if neither stands there. */
function rightDelimiter(text: string, offset: number): { length: number; trims: boolean } | undefined {
  if (text.startsWith("}}", offset)) return { length: 2, trims: false };
  const trimmed = /^[ \t\r\n]+-\}\}/.exec(text.slice(offset, offset + 256));
  return trimmed === null ? undefined : { length: trimmed[0].length, trims: true };
}

/** Reads an action from behind its left delimiter on. */
function scanAction(text: string, start: number): { tokens: Token[]; end: number; trims: boolean } {
  const tokens: Token[] = [];
  for (let offset = start; offset < text.length; ) {
    const right = rightDelimiter(text, offset);
    if (right !== undefined) return { tokens, end: offset + right.length, trims: right.trims };
    const { token, end } = scanToken(text, offset);
    tokens.push(token);
    offset = end;
  }
  return fail(text, start, "unclosed action");
}

function scanComment(text: string, start: number): { end: number; trims: boolean } {
  const close = text.indexOf("*/", start);
  if (close < 0) fail(text, start, "unclosed comment");
  const right = rightDelimiter(text, close + 2);
  if (right === undefined) return fail(text, start, "comment ends before closing delimiter");
  return { end: close + 2 + right.length, trims: right.trims };
}

/**
 * Splits a template into literal text and actions; trim markers (`{{-`, `-}}`) have taken away the white space they
 * stand at, comments are gone.
 */
export function scanTemplate(text: string): readonly Segment[] {
  if (text.length > TEMPLATE_LENGTH_MAX) throw new TemplateError("template: :1: the template is too long");
  const segments: Segment[] = [];
  let offset = 0;
  let isTrimmedLeft = false;
  for (;;) {
    const open = text.indexOf("{{", offset);
    let literal = open < 0 ? text.slice(offset) : text.slice(offset, open);
    const trimsBefore = open >= 0 && /^\{\{-[ \t\r\n]/.test(text.slice(open, open + 4));
    if (isTrimmedLeft) literal = literal.replace(/^[ \t\r\n]+/, "");
    if (trimsBefore) literal = literal.replace(/[ \t\r\n]+$/, "");
    if (literal !== "") segments.push({ kind: "text", text: literal, offset });
    if (open < 0) return segments;
    const start = open + (trimsBefore ? 4 : 2);
    if (text.startsWith("/*", start)) {
      const comment = scanComment(text, start);
      offset = comment.end;
      isTrimmedLeft = comment.trims;
      continue;
    }
    const { tokens, end, trims } = scanAction(text, start);
    segments.push({ kind: "action", tokens, offset: open });
    offset = end;
    isTrimmedLeft = trims;
  }
}
