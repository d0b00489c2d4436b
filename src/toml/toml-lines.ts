import { parse } from "smol-toml";
import { formatTomlPath } from "./toml-path.ts";

type Path = readonly (string | number)[];

/** What is deeper is not noted: a path of a hundred thousand steps would take as many times its length. */
const DEPTH_NOTED = 100;

/**
 * The line of each table and value of a TOML text, by its path as `formatTomlPath` writes it; of a table that is only opened on the way to
 * another one, where that is first done. The text is one that the parser took, so nothing is checked here.
 */
export function tomlLines(toml: string): ReadonlyMap<string, number> {
  const scanner = new LineScanner(toml);
  scanner.document();
  return scanner.lines;
}

/** Steps over a text's grammar (TOML 1.0), and notes where everything begins. */
class LineScanner {
  readonly lines = new Map<string, number>();
  readonly #text: string;
  /** How many tables a list has until here. */
  readonly #counts = new Map<string, number>();
  #at = 0;
  #line = 1;
  /** Until there line ends are counted. */
  #countedTo = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    let table: Path = [];
    for (this.#skip(); this.#at < this.#text.length; this.#skip()) {
      if (this.#text[this.#at] === "[") table = this.#header();
      else this.#pair(table);
    }
  }

  #header(): Path {
    const line = this.#lineHere();
    const isList = this.#text[this.#at + 1] === "[";
    this.#at += isList ? 2 : 1;
    const keys = this.#keys();
    this.#at += isList ? 2 : 1;
    const path: (string | number)[] = [];
    for (const [depth, key] of keys.entries()) {
      if (depth > DEPTH_NOTED) break;
      path.push(key);
      const name = formatTomlPath(path);
      const isLast = depth === keys.length - 1;
      if (isLast && isList) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
      if (!isLast || isList) this.#noteFirst(name, line);
      const count = isLast && !isList ? undefined : this.#counts.get(name);
      if (count !== undefined) path.push(count - 1);
    }
    this.lines.set(formatTomlPath(path), line);
    return path;
  }

  #pair(table: Path): void {
    const line = this.#lineHere();
    const keys = this.#keys();
    for (const depth of keys.slice(1, DEPTH_NOTED).keys()) {
      this.#noteFirst(formatTomlPath([...table, ...keys.slice(0, depth + 1)]), line);
    }
    this.#at += 1;
    this.#skip();
    this.#value([...table, ...keys]);
  }

  #value(path: Path): void {
    if (path.length <= DEPTH_NOTED) this.lines.set(formatTomlPath(path), this.#lineHere());
    const first = this.#text[this.#at];
    if (first === "[") this.#items("]", (index) => this.#value([...path, index]));
    else if (first === "{") this.#items("}", () => this.#pair(path));
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
      this.#at += quote === '"' && this.#text[this.#at] === "\\" ? 2 : 1;
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
    for (; this.#countedTo < this.#at; this.#countedTo += 1) if (this.#text[this.#countedTo] === "\n") this.#line += 1;
    return this.#line;
  }

  #noteFirst(name: string, line: number): void {
    if (!this.lines.has(name)) this.lines.set(name, line);
  }
}
