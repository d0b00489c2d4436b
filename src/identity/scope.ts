/** What can be done with a repository, in the token specification's words. */
export const REPOSITORY_ACTIONS = ["pull", "push", "delete"] as const;

export type RepositoryAction = (typeof REPOSITORY_ACTIONS)[number];

/** Some actions on one repository. */
export interface RepositoryScope {
  readonly repository: string;
  readonly actions: readonly RepositoryAction[];
}

/** What a request needs, or a token gives: actions on a repository, or listing the catalogue. */
export type Scope = RepositoryScope | "catalog";

/** An entry of a token's `access` claim. */
export interface AccessEntry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

const CATALOG = "registry:catalog:*";
const TYPE = /^([a-z0-9]+)(?:\([a-z0-9]+\))?$/;

/** What a token may hold at most. */
export const SCOPES_MAX = 100;

export function isRepositoryAction(word: string): word is RepositoryAction {
  return (REPOSITORY_ACTIONS as readonly string[]).includes(word);
}

/** `repository:team/app:pull,push`, or `registry:catalog:*`. */
export function formatScope(scope: Scope): string {
  return scope === "catalog" ? CATALOG : `repository:${scope.repository}:${scope.actions.join(",")}`;
}

/**
 * Reads a list of scopes, parted by spaces (distribution's docs/content/spec/auth/scope.md). Total: what is not known here
 * is left out, since nothing is granted for it. Actions on one repository are put together; `*` means all.
 */
export function parseScopes(text: string): readonly Scope[] {
  const actions = new Map<string, Set<RepositoryAction>>();
  let isCatalog = false;
  for (const word of text.split(" ")) {
    // A name may hold a colon of its own (host:port/name): the type ends at the first, the actions begin after the last.
    const first = word.indexOf(":");
    const last = word.lastIndexOf(":");
    if (first < 1 || last === first) continue;
    const type = TYPE.exec(word.slice(0, first))?.[1];
    const name = word.slice(first + 1, last);
    const wanted = word.slice(last + 1).split(",");
    if (type === "registry" && name === "catalog" && wanted.includes("*")) isCatalog = true;
    if (type !== "repository" || name === "") continue;
    const known = actions.get(name) ?? new Set();
    for (const action of wanted.includes("*") ? REPOSITORY_ACTIONS : wanted.filter(isRepositoryAction))
      known.add(action);
    actions.set(name, known);
  }
  const scopes: Scope[] = [...actions].map(([repository, set]) => ({
    repository,
    actions: REPOSITORY_ACTIONS.filter((action) => set.has(action)),
  }));
  return isCatalog ? [...scopes, "catalog"] : scopes;
}

/** The `access` claim of a token (distribution's docs/content/spec/auth/jwt.md). */
export function encodeAccess(scopes: readonly Scope[]): readonly AccessEntry[] {
  return scopes.map((scope) =>
    scope === "catalog"
      ? { type: "registry", name: "catalog", actions: ["*"] }
      : { type: "repository", name: scope.repository, actions: scope.actions },
  );
}

/** The scopes of an `access` claim. @returns undefined if it is none. */
export function decodeAccess(claim: unknown): readonly Scope[] | undefined {
  if (!Array.isArray(claim)) return undefined;
  const texts: string[] = [];
  for (const entry of claim as readonly Partial<AccessEntry>[]) {
    const { type, name, actions } = entry ?? {};
    if (typeof type !== "string" || typeof name !== "string" || !Array.isArray(actions)) return undefined;
    // A space begins another scope.
    if (`${type}${name}${actions.join("")}`.includes(" ")) return undefined;
    texts.push(`${type}:${name}:${actions.join(",")}`);
  }
  return parseScopes(texts.join(" "));
}

/** True if one of `scopes` has this action on this repository. */
export function scopesInclude(scopes: readonly Scope[], action: RepositoryAction, repository: string): boolean {
  return scopes.some(
    (scope) => scope !== "catalog" && scope.repository === repository && scope.actions.includes(action),
  );
}
