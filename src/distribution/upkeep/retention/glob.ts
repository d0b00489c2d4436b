/**
 * True if a name has the shape of a pattern: `*` stands for anything but a slash, `**` for anything, `?` for one character but a slash.
 * Time is bounded by the product of both lengths, whatever they are.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  // Which lengths of the name's beginning the pattern so far can be.
  let reached: readonly boolean[] = Array.from({ length: name.length + 1 }, (_, length) => length === 0);
  for (const part of pattern.match(/\*\*|./gs) ?? []) {
    const next: boolean[] = [];
    for (let length = 0; length <= name.length; length++) {
      const last = name[length - 1];
      const goesOn = length > 0 && (part === "**" || (part === "*" && last !== "/")) && next[length - 1] === true;
      const isTaken = part === "?" ? last !== "/" : last === part;
      next.push(
        part.startsWith("*")
          ? reached[length] === true || goesOn
          : length > 0 && isTaken && reached[length - 1] === true,
      );
    }
    reached = next;
  }
  return reached[name.length] === true;
}
