/**
 * A test for names of a pattern's shape: `*` stands for anything but a slash, `**` for anything, `?` for one character but a slash.
 * Its time is bounded by the product of both lengths, whatever they are.
 */
export function globMatcher(pattern: string): (name: string) => boolean {
  const parts = pattern.match(/\*\*|./gs) ?? [];
  const [literal = ""] = /^[^*?]*/.exec(pattern) ?? [];
  const rest = parts.slice(literal.length);
  return (name) => name.startsWith(literal) && matchesParts(rest, name.slice(literal.length));
}

function matchesParts(parts: readonly string[], name: string): boolean {
  if (parts.length === 0) return name === "";
  // Which lengths of the name's beginning the pattern so far can be.
  let reached: readonly boolean[] = Array.from({ length: name.length + 1 }, (_, length) => length === 0);
  for (const part of parts) {
    const next: boolean[] = [];
    for (let length = 0; length <= name.length; length++) {
      const last = name[length - 1];
      const goesOn = length > 0 && (part === "**" || (part === "*" && last !== "/")) && next[length - 1] === true;
      const isTaken = length > 0 && (part === "?" ? last !== "/" : last === part) && reached[length - 1] === true;
      next.push(part.startsWith("*") ? reached[length] === true || goesOn : isTaken);
    }
    reached = next;
  }
  return reached[name.length] === true;
}
