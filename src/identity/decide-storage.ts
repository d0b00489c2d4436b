import { type AccessRules, includes, type Quota } from "./access-rules.ts";
import type { Decision, Identity } from "./identity.ts";
import { matchesRepository } from "./repository-pattern.ts";

export interface Usage {
  readonly bytes: number;
  readonly repositories: number;
}

/** What is stored: the registry knows. */
export interface StorageUsage {
  /** What this user brought, each blob counted for who stored it first, each repository for who made it. */
  ofUser(name: string): Usage;
  /** What these repositories hold together, each blob counted once. */
  ofRepositories(matches: (repository: string) => boolean): Usage;
  hasRepository(repository: string): boolean;
}

export interface StorageRequest {
  readonly repository: string;
  /** How many more bytes are to be stored; 0 for what is there already. */
  readonly bytes: number;
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

/**
 * Whether a quota leaves room. Of the quotas for users the first that speaks of this one holds, and of those for repositories the
 * first that speaks of this one: what is special stands before what is general. Pure, but for asking `usage`.
 */
export function decideStorage(
  rules: AccessRules,
  asking: Pick<Identity, "name" | "groups">,
  request: StorageRequest & { readonly usage: StorageUsage },
): Decision {
  const { repository, usage } = request;
  const { name } = asking;
  const matches = (quota: Quota, candidate: string): boolean =>
    quota.repositories?.some((pattern) => matchesRepository(pattern, candidate, name)) === true;
  const more = { bytes: request.bytes, repositories: usage.hasRepository(repository) ? 0 : 1 };
  const ofUser = rules.quotas.find(({ who }) => who !== undefined && includes(who, asking));
  if (ofUser !== undefined && name !== undefined) {
    const why = excess(ofUser, usage.ofUser(name), more);
    if (why !== undefined)
      return { isAllowed: false, reason: `the quota of ${name} (${ofUser.place}) is reached: ${why}` };
  }
  const ofRepository = rules.quotas.find((quota) => matches(quota, repository));
  if (ofRepository !== undefined) {
    const held = usage.ofRepositories((candidate) => matches(ofRepository, candidate));
    const why = excess(ofRepository, held, more);
    const patterns = ofRepository.repositories?.join(", ");
    if (why !== undefined) {
      return { isAllowed: false, reason: `the quota of ${patterns} (${ofRepository.place}) is reached: ${why}` };
    }
  }
  return { isAllowed: true, reason: "no quota is reached" };
}
