/** A part of a body, in bytes; `end` is the last one. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads `Range` (RFC 9110, section 14.2). Several ranges, other units and what is no range at all mean the whole; one that ends
 * before it begins is refused, as Go's servers do.
 *
 * @returns undefined for the whole, "unsatisfiable" for what lies beyond it (416).
 */
export function parseRange(header: string | null, sizeBytes: number): ByteRange | "unsatisfiable" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const count = Math.min(Number(last), sizeBytes);
    return count === 0 ? "unsatisfiable" : { start: sizeBytes - count, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  return start > end ? "unsatisfiable" : { start, end };
}

/** Reads `Content-Range` of a chunk: `0-99`, and `bytes 0-99/1000` as HTTP has it. @returns undefined for what is neither */
export function parseContentRange(header: string): ByteRange | undefined {
  const [, first, last] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined) return undefined;
  const range = { start: Number(first), end: Number(last) };
  return range.end < range.start ? undefined : range;
}
