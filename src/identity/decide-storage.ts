import type { Decision, Identity } from "./identity.ts";
import { type AccessRules, includes, type Quota } from "./rules/access-rules.ts";
import { commonBeginning, matchesRepository } from "./rules/repository-pattern.ts";

export interface Usage {
  readonly bytes: number;
  readonly repositories: number;
}

/** What is stored: the registry knows. */
export interface StorageUsage {
  /**
   * What these repositories hold together, and how many there are.
   *
   * @param beginning what all of them begin with; others need not be asked about.
   */
  ofRepositories(matches: (repository: string) => boolean, beginning: string): Usage;
  /** What the repositories hold that a user made. */
  ofOwner(user: string): Usage;
  /** Who made a repository, or was the first of those who begin to; undefined if nobody with a name did. */
  ownerOf(repository: string): string | undefined;
  hasRepository(repository: string): boolean;
}

export interface StorageRequest {
  readonly repository: string;
  /** How many more bytes are to be stored; 0 for what is there already. */
  readonly bytes: number;
  readonly usage: StorageUsage;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

function formatSize(bytes: number): string {
  let value = bytes;
  let power = 0;
  for (; Number(value.toPrecision(4)) >= 1000 && power < UNITS.length - 1; power += 1) value /= 1000;
  return `${Number(value.toPrecision(4))} ${UNITS[power]}`;
}

function excess(quota: Quota, usage: Usage, more: Usage): string | undefined {
  const { bytesMax, repositoriesMax } = quota;
  if (bytesMax !== undefined && usage.bytes + more.bytes > bytesMax) {
    return `${formatSize(usage.bytes)} of ${formatSize(bytesMax)} are used, and ${formatSize(more.bytes)} more do not fit`;
  }
  if (repositoriesMax !== undefined && more.repositories > 0 && usage.repositories >= repositoriesMax) {
    return `${usage.repositories} of ${repositoriesMax} repositories are used`;
  }
  return undefined;
}

type Asking = Pick<Identity, "name">;

function ofOwner(rules: AccessRules, asking: Asking, request: StorageRequest): string | undefined {
  const { repository, usage } = request;
  const isNew = !usage.hasRepository(repository);
  const name = usage.ownerOf(repository) ?? (isNew ? asking.name : undefined);
  if (name === undefined) return undefined;
  const groups = rules.users.get(name)?.groups ?? [];
  const quota = rules.quotas.find(({ who }) => who !== undefined && includes(who, { name, groups }));
  if (quota === undefined) return undefined;
  const why = excess(quota, usage.ofOwner(name), { bytes: request.bytes, repositories: isNew ? 1 : 0 });
  return why === undefined ? undefined : `the quota of ${name} (${quota.place}) is reached: ${why}`;
}

/** Whom `{user}` of a quota may mean: whoever a part of the name is, no matter who asks. */
function usersNamedBy(rules: AccessRules, repository: string): readonly (string | undefined)[] {
  return [undefined, ...repository.split("/").filter((part) => rules.users.has(part))];
}

function ofPattern(rules: AccessRules, request: StorageRequest): string | undefined {
  const { repository, usage } = request;
  const users = usersNamedBy(rules, repository);
  for (const quota of rules.quotas) {
    const { place, repositories = [] } = quota;
    for (const pattern of repositories) {
      const user = users.find((name) => matchesRepository(pattern, repository, name));
      if (user === undefined && !matchesRepository(pattern, repository, undefined)) continue;
      const matches = (candidate: string): boolean =>
        repositories.some((one) => matchesRepository(one, candidate, user));
      const held = usage.ofRepositories(matches, commonBeginning(repositories, user));
      const more = { bytes: request.bytes, repositories: usage.hasRepository(repository) ? 0 : 1 };
      const why = excess(quota, held, more);
      const called = repositories.join(", ").replaceAll("{user}", () => user ?? "{user}");
      return why === undefined ? undefined : `the quota of ${called} (${place}) is reached: ${why}`;
    }
  }
  return undefined;
}

/**
 * Whether quotas leave room. Two may speak of a request: one of users, for whoever made the repository, whoever pushes to it, and
 * one of repositories. Of each kind the first that speaks of it holds: what is special stands before what is general. Pure, but for
 * asking `usage`.
 */
export function decideStorage(rules: AccessRules, asking: Asking, request: StorageRequest): Decision {
  const reason = ofOwner(rules, asking, request) ?? ofPattern(rules, request);
  return reason === undefined ? { isAllowed: true, reason: "no quota is reached" } : { isAllowed: false, reason };
}
