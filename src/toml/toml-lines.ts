import { TomlCursor } from "./toml-cursor.ts";
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
 */
export function tomlLines(toml: string): ReadonlyMap<string, number> {
  const scanner = new LineScanner(toml);
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

/** Notes where everything begins. */
class LineScanner {
  readonly lines = new Map<string, number>();
  readonly #cursor: TomlCursor;
  /** How many tables a list has until here. */
  readonly #counts = new Map<string, number>();

  constructor(text: string) {
    this.#cursor = new TomlCursor(text);
  }

  document(): void {
    const cursor = this.#cursor;
    let table = DOCUMENT;
    for (cursor.skipSpace(); !cursor.isAtEnd; cursor.skipSpace()) {
      if (cursor.isAtBracket) table = this.#header();
      else this.#pair(table);
    }
  }

  #header(): Place {
    const { line } = this.#cursor;
    const { keys, isList } = this.#cursor.header();
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
    const { line } = this.#cursor;
    const keys = this.#cursor.keysOfPair();
    let place = table;
    for (const [index, key] of keys.entries()) {
      place = this.#below(place, key);
      if (index < keys.length - 1) this.#noteFirst(place, line);
    }
    this.#value(place);
  }

  #value(place: Place): void {
    const cursor = this.#cursor;
    this.#note(place, cursor.line);
    if (cursor.isAtBracket) cursor.items((index) => this.#value(this.#below(place, index)));
    else if (cursor.isAtBrace) cursor.items(() => this.#pair(place));
    else cursor.skipValue();
  }

  #below({ path, depth }: Place, step: string | number): Place {
    return { path: depth < DEPTH_NOTED ? extendTomlPath(path, step) : path, depth: depth + 1 };
  }

  #note({ path, depth }: Place, line: number): void {
    if (depth <= DEPTH_NOTED) this.lines.set(path, line);
  }

  #noteFirst(place: Place, line: number): void {
    if (!this.lines.has(place.path)) this.#note(place, line);
  }
}
