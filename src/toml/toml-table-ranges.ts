import { TomlCursor } from "./toml-cursor.ts";

/** A pair of a table. */
export interface TomlPairRange {
  /** More than one of `a.b = 1`. */
  readonly keys: readonly string[];
  readonly value: TomlRange;
}

/** Offsets in a text; the end is the one after it. */
export interface TomlRange {
  readonly start: number;
  readonly end: number;
}

/** A table with a header of its own. */
export interface TomlTableRange {
  readonly keys: readonly string[];
  readonly header: TomlRange;
  /** In their order; what stands in tables below it is theirs. */
  readonly pairs: readonly TomlPairRange[];
}

/**
 * Where the tables of `[…]` and their pairs stand in a TOML text, in its order, for who changes it and leaves all else as it is. The text is one
 * that the parser took; below a list, a table is given with its keys alone, once for each.
 *
 * @param isWanted of the keys of its header: what no one wants is passed over.
 */
export function tomlTableRanges(
  toml: string,
  isWanted: (keys: readonly string[]) => boolean = () => true,
): readonly TomlTableRange[] {
  const tables: TomlTableRange[] = [];
  let pairs: TomlPairRange[] | undefined;
  const cursor = new TomlCursor(toml);
  for (cursor.skipSpace(); !cursor.isAtEnd; cursor.skipSpace()) {
    const start = cursor.offset;
    if (cursor.isAtBracket) {
      const { keys, isList } = cursor.header();
      pairs = undefined;
      if (isList || !isWanted(keys)) continue;
      pairs = [];
      tables.push({ keys, header: { start, end: cursor.offset }, pairs });
    } else if (pairs === undefined) cursor.skipPair();
    else pairs.push({ keys: cursor.keysOfPair(), value: valueRange(cursor, toml) });
  }
  return tables;
}

function valueRange(cursor: TomlCursor, toml: string): TomlRange {
  const start = cursor.offset;
  cursor.skipValue();
  return { start, end: start + toml.slice(start, cursor.offset).trimEnd().length };
}
