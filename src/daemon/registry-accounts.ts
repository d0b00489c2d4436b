import { UserAccounts } from "../identity/rules/user-accounts.ts";

export type { User } from "../identity/rules/access-rules.ts";
export type { UserAccounts } from "../identity/rules/user-accounts.ts";

/** How long a command waits for another one that changes the same file. */
const WAIT_MS = 10_000;

/** The users in a file of rules. */
export function openAccounts(path: string): UserAccounts {
  return new UserAccounts({ path, deadlineMs: performance.now() + WAIT_MS, now: Date.now });
}
