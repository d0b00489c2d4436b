import type { RepositoryAction } from "../scope.ts";
import type { RepositoryPattern } from "./repository-pattern.ts";

/** Somebody who has a name. */
export interface User {
  readonly name: string;
  /** bcrypt, as `htpasswd -B` writes it; without one nobody can log in with a password. */
  readonly passwordHash?: string;
  readonly groups: readonly string[];
  /** `CN=name`, `DNS=host`, `URI=spiffe://…`: verified certificates that have one of these are this user's. */
  readonly certificates: readonly string[];
  /** Tokens that were given until then are no good. Milliseconds since 1970. */
  readonly tokensSinceMs?: number;
}

/** Whom a rule speaks of. */
export interface Who {
  /** `*` among them: every user who is known. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** Everybody, with a name or without. */
  readonly isAnonymous: boolean;
}

/** Lets some do something. There are no rules that forbid: rights add up. */
export interface Right {
  /** Where it stands: `access.toml:12`. */
  readonly place: string;
  readonly who: Who;
  readonly repositories: readonly RepositoryPattern[];
  readonly actions: readonly RepositoryAction[];
}

/** How much may be stored: in the repositories that each of the users made, or in all that a pattern stands for. */
export interface Quota {
  readonly place: string;
  /** Without it the quota is one of `repositories`. */
  readonly who?: Who;
  readonly repositories?: readonly RepositoryPattern[];
  readonly bytesMax?: number;
  readonly repositoriesMax?: number;
}

/** How often may be asked. */
export interface RateLimit {
  readonly place: string;
  /** Each user, each address, or each repository has a bucket of its own. */
  readonly per: "user" | "address" | "repository";
  /** Which of them; without it all. */
  readonly who?: Who;
  readonly repositories?: readonly RepositoryPattern[];
  readonly requestsPerSecond: number;
  readonly burst: number;
}

/** What `access.toml` and the password file that it names say. */
export interface AccessRules {
  readonly users: ReadonlyMap<string, User>;
  /** The user whose certificate has a name: `CN=alice` → `alice`. */
  readonly certificates: ReadonlyMap<string, string>;
  readonly rights: readonly Right[];
  readonly quotas: readonly Quota[];
  readonly limits: readonly RateLimit[];
}

/** What holds where there is no file: everybody may do everything. */
export const NO_RULES: AccessRules = {
  users: new Map(),
  certificates: new Map(),
  rights: [],
  quotas: [],
  limits: [],
};

/** Nobody may do anything: there is a right, and it is nobody's. */
export const CLOSED_RULES: AccessRules = {
  ...NO_RULES,
  rights: [{ place: "nowhere", who: { users: [], groups: [], isAnonymous: false }, repositories: [], actions: [] }],
};

/** True if everybody may do everything: nobody was named and no right was given. */
export function isOpen(rules: AccessRules): boolean {
  return rules.users.size === 0 && rules.rights.length === 0;
}

/** True if `who` speaks of this one. */
export function includes(
  who: Who,
  { name, groups }: { readonly name: string | undefined; readonly groups: readonly string[] },
): boolean {
  if (who.isAnonymous) return true;
  if (name === undefined) return false;
  return who.users.includes("*") || who.users.includes(name) || who.groups.some((group) => groups.includes(group));
}
