import { join } from "node:path";
import { UserAccounts } from "../identity/user-accounts.ts";

export type { User } from "../identity/access-rules.ts";
export type { UserAccounts } from "../identity/user-accounts.ts";

/** How long a command waits for another one that changes the same file. */
const WAIT_MS = 10_000;

/** The folder of what the registry of a root keeps besides its images: `access.toml`, the keys of tokens. */
export function registryFolder(root: string): string {
  return join(root, "registry");
}

/** The rules of a root's registry, unless it is told to use others. */
export function accessPath(root: string): string {
  return join(registryFolder(root), "access.toml");
}

/** The users in a file of rules. */
export function openAccounts(path: string): UserAccounts {
  return new UserAccounts({ path, deadlineMs: performance.now() + WAIT_MS });
}
