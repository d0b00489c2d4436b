import { createHash } from "node:crypto";
import type { User } from "../rules/access-rules.ts";

/** Changes with everything that a user logs in with. */
export function loginMarkOf({ passwordHash, certificates }: User): string {
  return createHash("sha256")
    .update(JSON.stringify([passwordHash, certificates]))
    .digest("hex");
}

/** What a token notes of the login that it was given for. */
export interface LoginNote {
  readonly mark: string;
  readonly issuedMs: number;
}

/** False for a token from before its user logged in with something else, or had the tokens revoked. */
export function isStillGood(user: User, { mark, issuedMs }: LoginNote): boolean {
  return mark === loginMarkOf(user) && issuedMs > (user.tokensSinceMs ?? 0);
}
