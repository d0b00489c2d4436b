/** What `isPlainText` wants, as the end of a sentence. */
export const PLAIN_TEXT_RULE = "a text on one line, without control characters";

/** True for what can be a path, a name or part of a header: a NUL would end the first, a line break the last. */
export function isPlainText(value: unknown): value is string {
  return typeof value === "string" && /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(value);
}
