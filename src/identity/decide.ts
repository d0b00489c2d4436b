import type { Decision, Identity } from "./identity.ts";
import { type AccessRules, includes, isOpen, type Right } from "./rules/access-rules.ts";
import { matchesRepository } from "./rules/repository-pattern.ts";
import { type RepositoryAction, scopesInclude } from "./scope.ts";

type Asking = Pick<Identity, "name" | "groups" | "scopes">;

const NAMES: Readonly<Record<RepositoryAction, string>> = {
  pull: "pull from",
  push: "push to",
  delete: "delete in",
};

function called({ name }: Asking): string {
  return name ?? "anonymous";
}

function describeWho({ who }: Right, asking: Asking): string {
  if (who.isAnonymous) return "everybody";
  if (asking.name !== undefined && who.users.includes(asking.name)) return asking.name;
  if (who.users.includes("*")) return "every user";
  return `group ${who.groups.find((group) => asking.groups.includes(group)) ?? ""}`;
}

/**
 * Whether one may do something with a repository. Rights add up, nothing forbids; without a right for it, it is denied as soon
 * as there is a user or a right. A token's scopes narrow that further, and never widen it. Pure.
 */
export function decide(rules: AccessRules, asking: Asking, request: RepositoryRequest): Decision {
  const { action, repository } = request;
  if (asking.scopes !== undefined && !scopesInclude(asking.scopes, action, repository)) {
    return { isAllowed: false, reason: `the token does not let ${called(asking)} ${NAMES[action]} ${repository}` };
  }
  if (isOpen(rules)) return { isAllowed: true, reason: "there are no users: everybody may do everything" };
  if (asking.name !== undefined && !rules.users.has(asking.name)) {
    return { isAllowed: false, reason: `there is no user ${asking.name}` };
  }
  for (const right of rules.rights) {
    if (!right.actions.includes(action) || !includes(right.who, asking)) continue;
    const pattern = right.repositories.find((one) => matchesRepository(one, repository, asking.name));
    if (pattern === undefined) continue;
    const who = describeWho(right, asking);
    return { isAllowed: true, reason: `${right.place} lets ${who} ${NAMES[action]} ${pattern}` };
  }
  return { isAllowed: false, reason: `no rule lets ${called(asking)} ${NAMES[action]} ${repository}` };
}

export interface RepositoryRequest {
  readonly action: RepositoryAction;
  readonly repository: string;
}

/** Whether one may list the catalogue, which shows only what may be pulled: whoever may pull something, and every user. */
export function decideCatalog(rules: AccessRules, asking: Asking): Decision {
  if (asking.scopes !== undefined && !asking.scopes.includes("catalog")) {
    return { isAllowed: false, reason: `the token does not let ${called(asking)} list repositories` };
  }
  if (isOpen(rules)) return { isAllowed: true, reason: "there are no users: everybody may do everything" };
  if (asking.name !== undefined && rules.users.has(asking.name)) {
    return { isAllowed: true, reason: "every user sees what they may pull" };
  }
  const right = rules.rights.find(({ who, actions }) => who.isAnonymous && actions.includes("pull"));
  return right === undefined || asking.name !== undefined
    ? { isAllowed: false, reason: `no rule lets ${called(asking)} list repositories` }
    : { isAllowed: true, reason: `${right.place} lets everybody pull` };
}
