/** `NAME=value`, or `NAME` alone, whose value `lookup` gives; `undefined` if it has none. */
export function completeVariable(text: string, lookup: (name: string) => string | undefined): string | undefined {
  const equals = text.indexOf("=");
  if (equals === 0 || text === "") throw new Error(`invalid environment variable: ${text}`);
  if (equals > 0) return text;
  const value = lookup(text);
  return value === undefined ? undefined : `${text}=${value}`;
}

/**
 * The variables that a file in Docker's env-file form lists: one `NAME=value` a line, taken as it stands; `#` begins a
 * comment line; `NAME` alone takes its value from `lookup`, and is left out without one.
 *
 * @throws naming the file.
 */
export function parseKeyValueFile(
  bytes: Uint8Array,
  path: string,
  lookup?: (name: string) => string | undefined,
): readonly string[] {
  const problem = (sentence: string) => new Error(`invalid env file (${path}): ${sentence}`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw problem("invalid utf8 bytes");
  }
  const pairs: string[] = [];
  for (const raw of text.split("\n")) {
    const line = raw.replace(/\r$/, "").trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    if (name === "") throw problem(`no variable name on line '${line}'`);
    if (/[ \t]/.test(name)) throw problem(`variable '${name}' contains whitespaces`);
    if (equals >= 0) pairs.push(line);
    else {
      const value = lookup?.(name);
      if (value !== undefined) pairs.push(`${name}=${value}`);
      else if (lookup === undefined) pairs.push(name);
    }
  }
  return pairs;
}

/** A record from `name=value` pairs; a name alone has the empty value; the last of a name counts. */
export function toRecord(pairs: readonly string[]): Readonly<Record<string, string>> {
  const record: Record<string, string> = Object.create(null);
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    record[equals < 0 ? pair : pair.slice(0, equals)] = equals < 0 ? "" : pair.slice(equals + 1);
  }
  return { ...record };
}
