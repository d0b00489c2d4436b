import type { RepositoryName } from "../repositories/repository-name.ts";

/** Repositories of this registry that are copies of another one's, made when they are asked for. */
export interface UpstreamRule {
  /** What they begin with here, followed by a slash: `docker.io`; "" for all. */
  readonly prefix: string;
  /** The registry that has them: `docker.io`, `registry.example.org:5000`. */
  readonly registry: string;
  /** What they begin with there; "" for all. */
  readonly path: string;
  readonly login?: { readonly username: string; readonly passwordFile: string };
  /** How long a tag is believed without asking again. */
  readonly refreshMs: number;
}

/** A repository that is a copy, and what the other registry calls it. */
export interface UpstreamRepository {
  readonly rule: UpstreamRule;
  readonly remote: string;
}

/** The rule for a repository, the longest prefix first, and its name there; undefined if it is one of our own. */
export function findUpstream(
  rules: readonly UpstreamRule[],
  repository: RepositoryName,
): UpstreamRepository | undefined {
  const rule = rules
    .filter(({ prefix }) => prefix === "" || repository.startsWith(`${prefix}/`))
    .toSorted((left, right) => right.prefix.length - left.prefix.length)[0];
  if (rule === undefined) return undefined;
  const rest = rule.prefix === "" ? repository : repository.slice(rule.prefix.length + 1);
  return { rule, remote: rule.path === "" ? rest : `${rule.path}/${rest}` };
}

/**
 * What a repository is called here of which a client says from which registry it wants it (distribution-spec, "Registry Proxying", `ns`).
 *
 * @returns the name as it is if no rule speaks of that registry.
 */
export function nameOfNamespace(
  rules: readonly UpstreamRule[],
  repository: RepositoryName,
  namespace: string,
): RepositoryName {
  const rule = rules.find(({ registry, path }) => registry === namespace && path === "");
  return (rule === undefined || rule.prefix === "" ? repository : `${rule.prefix}/${repository}`) as RepositoryName;
}
