import { parse } from "smol-toml";
import { extendTomlPath, parentTomlPath } from "./toml-path.ts";

/** A table or value on the way: its path, as it is written, and how many steps that has. */
interface Place {
  readonly path: string;
  readonly depth: number;
}

const DOCUMENT: Place = { path: "", depth: 0 };

/** A path of a hundred thousand steps would take as many times its length. */
const DEPTH_NOTED = 100;

/**
 * The line of each table and value of a TOML text, by its path as `formatTomlPath` writes it; of a table that is only opened on the way to
 * another one, where that is first done. The text is one that the parser took, so nothing is checked here.
 *
 * @param depthMax what is deeper is not noted: of a hundred thousand tables those alone take a fraction of the time.
 */
export function tomlLines(toml: string, depthMax = DEPTH_NOTED): ReadonlyMap<string, number> {
  const scanner = new LineScanner(toml, depthMax);
  scanner.document();
  return scanner.lines;
}

/** The line of a value, or of what holds it if it is not there itself; undefined if that is the document alone. */
export function findTomlLine(lines: ReadonlyMap<string, number>, path: string): number | undefined {
  for (let place = path; place !== ""; place = parentTomlPath(place)) {
    const line = lines.get(place);
    if (line !== undefined) return line;
  }
  return undefined;
}

/** Steps over a text's grammar (TOML 1.1), and notes where everything begins. */
class LineScanner {
  readonly lines = new Map<string, number>();
  readonly #text: string;
  readonly #depthMax: number;
  /** How many tables a list has until here. */
  readonly #counts = new Map<string, number>();
  #at = 0;
  #line = 1;
  /** Where that line ends. */
  #lineEnd: number;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
    this.#lineEnd = this.#findLineEnd(0);
  }

  document(): void {
    let table = DOCUMENT;
    for (this.#skip(); this.#at < this.#text.length; this.#skip()) {
      if (this.#text[this.#at] === "[") table = this.#header();
      else this.#pair(table);
    }
  }

  #header(): Place {
    const line = this.#lineHere();
    const isList = this.#text[this.#at + 1] === "[";
    this.#at += isList ? 2 : 1;
    const keys = this.#keys();
    this.#at += isList ? 2 : 1;
    let table = DOCUMENT;
    for (const [index, key] of keys.entries()) {
      table = this.#below(table, key);
      const { path } = table;
      const isLast = index === keys.length - 1;
      if (isLast && isList) this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1);
      if (!isLast || isList) this.#noteFirst(table, line);
      const count = isLast && !isList ? undefined : this.#counts.get(path);
      if (count !== undefined) table = this.#below(table, count - 1);
    }
    this.#note(table, line);
    return table;
  }

  #pair(table: Place): void {
    const line = this.#lineHere();
    const keys = this.#keys();
    let place = table;
    for (const [index, key] of keys.entries()) {
      place = this.#below(place, key);
      if (index < keys.length - 1) this.#noteFirst(place, line);
    }
    this.#at += 1;
    this.#skip();
    this.#value(place);
  }

  #value(place: Place): void {
    this.#note(place, this.#lineHere());
    const first = this.#text[this.#at];
    if (first === "[") this.#items("]", (index) => this.#value(this.#below(place, index)));
    else if (first === "{") this.#items("}", () => this.#pair(place));
    else if (first === '"' || first === "'") this.#string();
    else this.#match(/[^,\]}#\r\n]*/y);
  }

  #items(end: "]" | "}", item: (index: number) => void): void {
    this.#at += 1;
    this.#skip();
    for (let index = 0; this.#text[this.#at] !== end && this.#at < this.#text.length; index += 1) {
      item(index);
      this.#skip();
      if (this.#text[this.#at] === ",") this.#at += 1;
      this.#skip();
    }
    this.#at += 1;
  }

  /** Ends at what follows the last part: `=` or `]`. */
  #keys(): readonly string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skip();
      const start = this.#at;
      const isQuoted = /["']/.test(this.#text[start] ?? "");
      if (isQuoted) this.#string();
      else this.#match(/[\w-]*/y);
      const key = this.#text.slice(start, this.#at);
      keys.push(isQuoted ? String(parse(`key = ${key}`).key) : key);
      this.#skip();
      if (this.#text[this.#at] !== ".") return keys;
      this.#at += 1;
    }
  }

  #string(): void {
    const quote = this.#text[this.#at] ?? "";
    const end = this.#text.startsWith(quote.repeat(3), this.#at) ? quote.repeat(3) : quote;
    this.#at += end.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      if (this.#match(quote === '"' ? /[^"\\]+/y : /[^']+/y)) continue;
      this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
    }
    this.#at += end.length;
    // Up to two quotes of its own may stand before the three that end it.
    if (end.length === 3) while (this.#text[this.#at] === quote) this.#at += 1;
  }

  /** White space, line ends and comments. */
  #skip(): void {
    do this.#match(/[ \t\r\n\uFEFF]*/y);
    while (this.#match(/#[^\n]*/y));
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const isMatched = pattern.test(this.#text);
    if (isMatched) this.#at = pattern.lastIndex;
    return isMatched;
  }

  #lineHere(): number {
    for (; this.#lineEnd < this.#at; this.#line += 1) this.#lineEnd = this.#findLineEnd(this.#lineEnd + 1);
    return this.#line;
  }

  #findLineEnd(from: number): number {
    const end = this.#text.indexOf("\n", from);
    return end < 0 ? Number.POSITIVE_INFINITY : end;
  }

  #below({ path, depth }: Place, step: string | number): Place {
    return { path: depth < this.#depthMax ? extendTomlPath(path, step) : path, depth: depth + 1 };
  }

  #note({ path, depth }: Place, line: number): void {
    if (depth <= this.#depthMax) this.lines.set(path, line);
  }

  #noteFirst(place: Place, line: number): void {
    if (!this.lines.has(place.path)) this.#note(place, line);
  }
}
