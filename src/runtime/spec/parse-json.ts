/** What a JSON text says, or why it says nothing. */
export type JsonResult = { readonly value: unknown } | { readonly problem: string };

/**
 * `JSON.parse`, but integers that a double cannot hold (RLIM_INFINITY, a seccomp argument of 64 bits) stay exact, as
 * `bigint`. Total: what is not JSON comes back as a problem.
 */
export function parseJson(text: string): JsonResult {
  try {
    // A reviver makes the parse three times as long, and few documents have such numbers.
    return { value: /\d{16}/.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function keepExact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d{1,20}$/.test(source) ? BigInt(source) : value;
}
