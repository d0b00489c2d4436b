const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,127}$/;

/**
 * True for what may name a user or a group. No colon (Basic ends a name there), no slash and no star (a name becomes a component of
 * `{user}/**`), nothing that needs quotes.
 */
export function isUserName(text: unknown): text is string {
  return typeof text === "string" && NAME.test(text);
}

/** What `isUserName` wants, as the end of a sentence. */
export const USER_NAME_RULE = "up to 128 letters, digits and _ . @ + -, beginning with one of the first three kinds";
