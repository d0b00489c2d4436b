/** A text of a TOML document that begins and does not end. */
export interface UnclosedQuote {
  readonly offset: number;
  /** What it begins with, and ought to end with. */
  readonly quote: string;
}

/** The first text that has no end; undefined if each has one. What stands before it is TOML, so that nothing else is looked at. */
export function findUnclosedQuote(toml: string): UnclosedQuote | undefined {
  for (let at = 0; at < toml.length; ) {
    const character = toml[at];
    if (character === "#") {
      const end = toml.indexOf("\n", at);
      if (end < 0) return undefined;
      at = end;
    } else if (character === '"' || character === "'") {
      const quote = toml.startsWith(character.repeat(3), at) ? character.repeat(3) : character;
      const end = endOfText(toml, at, quote);
      if (end === undefined) return { offset: at, quote };
      at = end;
    } else at += 1;
  }
  return undefined;
}

/** The offset after a text, if it ends: one quote on its line, three of them on any. */
function endOfText(toml: string, start: number, quote: string): number | undefined {
  const isLong = quote.length === 3;
  for (let at = start + quote.length; at < toml.length; at += 1) {
    if (!isLong && toml[at] === "\n") return undefined;
    if (toml.startsWith(quote, at)) {
      at += quote.length;
      // Up to two of its own may stand before the three that end it.
      for (let own = 0; isLong && own < 2 && toml[at] === quote[0]; own += 1) at += 1;
      return at;
    }
    if (quote.startsWith('"') && toml[at] === "\\" && (isLong || toml[at + 1] !== "\n")) at += 1;
  }
  return undefined;
}
