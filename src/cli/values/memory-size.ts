const UNIT_EXPONENTS: Readonly<Record<string, number>> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * Bytes from `512m`, `1.5g`, `64KiB`, `1024`: units are powers of 1024, in either case, with `b` or `ib` after them.
 *
 * @throws in Docker's words (docker/go-units, `RAMInBytes`).
 */
export function parseMemorySize(text: string): number {
  const match = /^(\d{1,18}(?:\.\d{1,18})?) ?([kmgtp]?)i?b?$/i.exec(text);
  const exponent = UNIT_EXPONENTS[(match?.[2] ?? "").toLowerCase()];
  if (match === null || exponent === undefined) throw new Error(`invalid size: '${text}'`);
  const bytes = Math.trunc(Number(match[1]) * 1024 ** exponent);
  if (!Number.isSafeInteger(bytes)) throw new Error(`invalid size: '${text}' is more than any machine has`);
  return bytes;
}

/** As `parseMemorySize`, and -1 for no limit. */
export function parseMemorySwap(text: string): number {
  return text === "-1" ? -1 : parseMemorySize(text);
}
