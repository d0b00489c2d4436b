const LARGEST = 8191;

/** Reads a list as the kernel takes it, `0-3,7` (cpuset(7), list format); undefined if it is none. */
export function parseCpuSet(text: string): readonly number[] | undefined {
  const members = new Set<number>();
  for (const part of text.trim().split(",")) {
    const [, first, last = first] = /^\s*([0-9]{1,4})(?:-([0-9]{1,4}))?\s*$/.exec(part) ?? [];
    if (first === undefined || last === undefined) return undefined;
    const from = Number(first);
    const to = Number(last);
    if (from > to || to > LARGEST) return undefined;
    for (let member = from; member <= to; member++) members.add(member);
  }
  return [...members].sort((a, b) => a - b);
}

/** The shortest list: `0-3,7`. */
export function formatCpuSet(members: readonly number[]): string {
  const parts: string[] = [];
  const sorted = [...new Set(members)].sort((a, b) => a - b);
  for (let index = 0; index < sorted.length; ) {
    let end = index;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    parts.push(end === index ? `${sorted[index]}` : `${sorted[index]}-${sorted[end]}`);
    index = end + 1;
  }
  return parts.join(",");
}
