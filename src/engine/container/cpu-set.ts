import { parseNumberList } from "../../runtime/plan/number-list.ts";

const LARGEST = 8191;

/** Reads a list as the kernel takes it, `0-3,7` (cpuset(7), list format); undefined if it is none. */
export function parseCpuSet(text: string): readonly number[] | undefined {
  return parseNumberList(text, LARGEST);
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
