/** Reads a list like `0-3,7` (cpuset(7), list format); undefined if it is none, or has a number above `largest`. */
export function parseNumberList(text: string, largest: number): readonly number[] | undefined {
  const members = new Set<number>();
  for (const part of text.trim().split(",")) {
    const [, first, last = first] = /^\s*([0-9]{1,5})(?:-([0-9]{1,5}))?\s*$/.exec(part) ?? [];
    if (first === undefined || last === undefined) return undefined;
    const [from, to] = [Number(first), Number(last)];
    if (from > to || to > largest) return undefined;
    for (let member = from; member <= to; member++) members.add(member);
  }
  return [...members].sort((a, b) => a - b);
}
