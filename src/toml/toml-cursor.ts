import { parse } from "smol-toml";

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const HASH = 0x23;
const SINGLE_QUOTE = 0x27;
const COMMA = 0x2c;
const DOT = 0x2e;
const EQUALS = 0x3d;
const OPENING_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const BYTE_ORDER_MARK = 0xfeff;

/** `[a.b]`, `[[a.b]]`. */
export interface TomlHeader {
  readonly keys: readonly string[];
  readonly isList: boolean;
}

/**
 * Steps over the grammar of a text (TOML 1.1), which is one that the parser took: nothing is checked here. It goes by the codes of
 * characters, since a text may have megabytes.
 */
export class TomlCursor {
  readonly #text: string;
  #offset = 0;
  #line = 1;
  /** Where that line ends. */
  #lineEnd: number;

  constructor(text: string) {
    this.#text = text;
    this.#lineEnd = this.#findLineEnd(0);
  }

  /** Of what comes next. */
  get offset(): number {
    return this.#offset;
  }

  /** Of what comes next, from 1. */
  get line(): number {
    for (; this.#lineEnd < this.#offset; this.#line += 1) this.#lineEnd = this.#findLineEnd(this.#lineEnd + 1);
    return this.#line;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#text.length;
  }

  /** A header, or a list. */
  get isAtBracket(): boolean {
    return this.#code() === OPENING_BRACKET;
  }

  /** An inline table. */
  get isAtBrace(): boolean {
    return this.#code() === OPENING_BRACE;
  }

  /** White space, line ends and comments. */
  skipSpace(): void {
    for (;;) {
      const code = this.#code();
      if (code === HASH) {
        const end = this.#text.indexOf("\n", this.#offset);
        this.#offset = end < 0 ? this.#text.length : end;
      } else if (isSpace(code)) this.#offset += 1;
      else return;
    }
  }

  /** From its first bracket to after its last one. */
  header(): TomlHeader {
    const isList = this.#text.charCodeAt(this.#offset + 1) === OPENING_BRACKET;
    this.#offset += isList ? 2 : 1;
    const keys = this.#keys();
    this.#offset += isList ? 2 : 1;
    return { keys, isList };
  }

  /** The keys of a pair; its value comes next. */
  keysOfPair(): readonly string[] {
    const keys = this.#keys();
    this.#offset += 1;
    this.skipSpace();
    return keys;
  }

  /** What a list or an inline table has, one after the other: `item` steps over each. */
  items(item: (index: number) => void): void {
    this.#offset += 1;
    this.skipSpace();
    for (let index = 0; !this.isAtEnd && !isClosing(this.#code()); index += 1) {
      item(index);
      this.skipSpace();
      if (this.#code() === COMMA) this.#offset += 1;
      this.skipSpace();
    }
    this.#offset += 1;
  }

  /** A value with all that is in it. What is no text, list or table may have spaces after it, which are stepped over. */
  skipValue(): void {
    let depth = 0;
    do {
      this.skipSpace();
      const code = this.#code();
      if (isQuote(code)) this.#skipText();
      else if (isOpening(code)) {
        depth += 1;
        this.#offset += 1;
      } else if (isClosing(code)) {
        depth -= 1;
        this.#offset += 1;
      } else if (code === COMMA || code === EQUALS) this.#offset += 1;
      else this.#skipBare();
    } while (depth > 0 && !this.isAtEnd);
  }

  /** A pair whose keys nobody wants. */
  skipPair(): void {
    while (!this.isAtEnd && this.#code() !== EQUALS) {
      if (isQuote(this.#code())) this.#skipText();
      else this.#offset += 1;
    }
    this.#offset += 1;
    this.skipValue();
  }

  /** Ends at what follows the last part: `=` or `]`. */
  #keys(): readonly string[] {
    const keys: string[] = [];
    for (;;) {
      this.skipSpace();
      keys.push(this.#key());
      this.skipSpace();
      if (this.#code() !== DOT) return keys;
      this.#offset += 1;
    }
  }

  #key(): string {
    const start = this.#offset;
    if (isQuote(this.#code())) {
      this.#skipText();
      return String(parse(`key = ${this.#text.slice(start, this.#offset)}`).key);
    }
    while (!this.isAtEnd && !isAfterBareKey(this.#code())) this.#offset += 1;
    return this.#text.slice(start, this.#offset);
  }

  #skipText(): void {
    const text = this.#text;
    const quote = this.#code();
    let at = this.#offset;
    const isLong = text.charCodeAt(at + 1) === quote && text.charCodeAt(at + 2) === quote;
    at += isLong ? 3 : 1;
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === BACKSLASH && quote === DOUBLE_QUOTE) at += 1;
      else if (code !== quote) continue;
      else if (!isLong || (text.charCodeAt(at + 1) === quote && text.charCodeAt(at + 2) === quote)) break;
    }
    at += isLong ? 3 : 1;
    // Up to two quotes of its own may stand before the three that end it.
    if (isLong) while (text.charCodeAt(at) === quote) at += 1;
    this.#offset = at;
  }

  #skipBare(): void {
    while (!this.isAtEnd && !isAfterBareValue(this.#code())) this.#offset += 1;
  }

  #findLineEnd(from: number): number {
    const end = this.#text.indexOf("\n", from);
    return end < 0 ? Number.POSITIVE_INFINITY : end;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#offset);
  }
}

function isSpace(code: number): boolean {
  return code === SPACE || code === LINE_FEED || code === TAB || code === CARRIAGE_RETURN || code === BYTE_ORDER_MARK;
}

function isQuote(code: number): boolean {
  return code === DOUBLE_QUOTE || code === SINGLE_QUOTE;
}

function isOpening(code: number): boolean {
  return code === OPENING_BRACKET || code === OPENING_BRACE;
}

function isClosing(code: number): boolean {
  return code === CLOSING_BRACKET || code === CLOSING_BRACE;
}

function isAfterBareKey(code: number): boolean {
  return code === DOT || code === EQUALS || code === CLOSING_BRACKET || isSpace(code);
}

/** A date may have a space in it. */
function isAfterBareValue(code: number): boolean {
  return (
    code === COMMA ||
    code === LINE_FEED ||
    code === CARRIAGE_RETURN ||
    code === HASH ||
    code === EQUALS ||
    isClosing(code) ||
    isQuote(code)
  );
}
