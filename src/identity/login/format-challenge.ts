import { formatScope, type Scope } from "../scope.ts";

export interface ChallengeOptions {
  /** The address of the token service, as the client reaches it. */
  readonly realm: string;
  /** The token's audience. */
  readonly service: string;
  /** Why what was sent did not do (RFC 6750, section 3.1). @default none: nothing was sent */
  readonly error?: "invalid_token" | "insufficient_scope";
}

/** The realm may come from a request's Host: what has no place in a header is left out. */
function quote(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, "").replace(/["\\]/g, "\\$&")}"`;
}

/** The value of `WWW-Authenticate` for a request that needs `scopes` (distribution's docs/content/spec/auth/token.md). */
export function formatChallenge(scopes: readonly Scope[], options: ChallengeOptions): string {
  const parts = [`realm=${quote(options.realm)}`, `service=${quote(options.service)}`];
  if (scopes.length > 0) parts.push(`scope=${quote(scopes.map(formatScope).join(" "))}`);
  if (options.error !== undefined) parts.push(`error=${quote(options.error)}`);
  return `Bearer ${parts.join(",")}`;
}
