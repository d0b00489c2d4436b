/** One way of authenticating that a server offers in `WWW-Authenticate` (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const HEADER_LENGTH_MAX = 8192;
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const SPACE = /[ \t,]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/**
 * Reads a `WWW-Authenticate` header, several challenges in one line included. Total: what cannot be read ends the list.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, HEADER_LENGTH_MAX);
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match !== null) position = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(SPACE);
    const word = take(TOKEN)?.[0]?.toLowerCase();
    if (word === undefined) return challenges;
    const current = challenges.at(-1);
    // A word before `=` is a parameter of the challenge at hand; any other begins a new one.
    if (current === undefined || take(EQUALS) === null) {
      challenges.push({ scheme: word, parameters: Object.create(null) as Record<string, string> });
      continue;
    }
    const quoted = take(QUOTED);
    const value = quoted === null ? take(TOKEN)?.[0] : quoted[1]?.replace(/\\(.)/g, "$1");
    if (value === undefined) return challenges;
    current.parameters[word] ??= value;
  }
}
