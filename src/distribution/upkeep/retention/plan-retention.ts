import type { Digest } from "../../../oci/digest.ts";
import { type Steps, sortedInSteps } from "../../../platform/in-turns.ts";
import type { RepositoryName, Tag } from "../../repositories/repository-name.ts";
import { formatDuration } from "./duration.ts";
import { globMatcher } from "./glob.ts";
import { ManifestGraph, subjectOfTag } from "./manifest-graph.ts";
import type { ObservedManifest, ObservedRepository, ObservedTag } from "./observed-repository.ts";
import { limitsTags, type RetentionRule } from "./retention-rule.ts";

interface DeletionBase {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** When the manifest was last pushed or pulled. */
  readonly usedMs: number;
  /** Which rule wants it, and why. */
  readonly cause: string;
  /** Deletions of one repository with the same number belong together: all of them, or none. */
  readonly group: number;
}

export type Deletion =
  | (DeletionBase & { readonly kind: "tag"; readonly tag: Tag; readonly taggedMs: number })
  | (DeletionBase & { readonly kind: "manifest" });

export interface RetentionTimes {
  readonly nowMs: number;
  /** What was pushed or pulled within it stays, whatever the rules say: a push may be about to need it. */
  readonly graceMs: number;
}

/** The rule that holds for a repository: the first whose pattern matches. */
export function ruleFor(rules: readonly RetentionRule[], repository: string): RetentionRule | undefined {
  return rules.find((rule) => rule.repositories.some((pattern) => globMatcher(pattern)(repository)));
}

/**
 * Decides what the rules take away of a repository, and why. What a tag that stays reaches, stays: entries of indexes, and what is said about
 * it (signatures go with their subject, and never before). In the order in which it is to be done: what follows comes after what it follows.
 * In steps: there may be very many tags.
 */
export function* planRetention(
  rules: readonly RetentionRule[],
  observed: ObservedRepository,
  times: RetentionTimes,
): Steps<readonly Deletion[]> {
  const rule = ruleFor(rules, observed.repository);
  if (rule === undefined) return [];
  const graph = yield* ManifestGraph.of(observed);
  return yield* new RepositoryPlan({ observed, rule, times, graph }).deletions();
}

interface RepositoryPlanParts {
  readonly observed: ObservedRepository;
  readonly rule: RetentionRule;
  readonly times: RetentionTimes;
  readonly graph: ManifestGraph;
}

/** What goes, each with its reason, which may be another's. */
interface Going {
  readonly causes: ReadonlyMap<Digest, string>;
  readonly goes: ReadonlySet<Digest>;
}

/** One repository under one rule. */
class RepositoryPlan {
  readonly #observed: ObservedRepository;
  readonly #rule: RetentionRule;
  readonly #times: RetentionTimes;
  readonly #graph: ManifestGraph;
  readonly #isListed: (tag: ObservedTag) => boolean;
  #protected: ReadonlySet<Digest> = new Set();

  constructor({ observed, rule, times, graph }: RepositoryPlanParts) {
    this.#observed = observed;
    this.#rule = rule;
    this.#times = times;
    this.#graph = graph;
    const matchers = rule.keep.map(globMatcher);
    this.#isListed = ({ tag }) => matchers.some((matches) => matches(tag));
  }

  *deletions(): Steps<readonly Deletion[]> {
    // An index goes with its entries, so that it stays for the sake of one that was just used.
    this.#protected = yield* this.#graph.withLeaders(yield* this.#lately());
    const keptTags = yield* this.#keptTags();
    const going = yield* this.#going(keptTags);
    const untagged = yield* this.#untagged(keptTags, going);
    const deletions: Deletion[] = [];
    for (const [group, tag] of untagged.entries()) {
      deletions.push(this.#tagDeletion(tag, { cause: this.#tagCause(tag.tag), group }));
      yield;
    }
    const groups = yield* this.#graph.groups(going.goes);
    for (const [index, digests] of groups.entries()) {
      for (const digest of digests) {
        deletions.push(...this.#manifestDeletions(digest, going, untagged.length + index));
        yield;
      }
    }
    return deletions;
  }

  /** What was pushed, pulled or tagged within the grace period. */
  *#lately(): Steps<readonly Digest[]> {
    const { graceMs } = this.#times;
    const digests: Digest[] = [];
    for (const manifest of this.#observed.manifests) {
      if (this.#isWithin(usedMs(manifest), graceMs)) digests.push(manifest.digest);
      yield;
    }
    for (const tag of this.#observed.tags) {
      if (this.#isWithin(tag.taggedMs, graceMs)) digests.push(tag.digest);
      yield;
    }
    return digests;
  }

  *#going(keptTags: ReadonlySet<ObservedTag>): Steps<Going> {
    const causes = new Map<Digest, string>();
    const staying: Digest[] = [...this.#protected];
    for (const manifest of this.#observed.manifests) {
      const verdict = this.#judge(manifest, keptTags);
      if (verdict === "stays") staying.push(manifest.digest);
      else if (verdict !== undefined) causes.set(manifest.digest, verdict);
      yield;
    }
    const stays = yield* this.#graph.withFollowers(staying);
    const goes = new Set<Digest>();
    for (const digest of yield* this.#graph.withFollowers(causes.keys())) {
      if (!stays.has(digest)) goes.add(digest);
      yield;
    }
    return { causes, goes };
  }

  /** Tags that go from manifests that stay, in the order of names. */
  *#untagged(keptTags: ReadonlySet<ObservedTag>, { goes }: Going): Steps<readonly ObservedTag[]> {
    const untagged: ObservedTag[] = [];
    for (const tag of this.#observed.tags) {
      if (!this.#graph.isCompanion(tag) && !goes.has(tag.digest) && !keptTags.has(tag)) untagged.push(tag);
      yield;
    }
    return yield* sortedInSteps(untagged, byTag);
  }

  #isWithin(timeMs: number | undefined, durationMs: number | undefined): boolean {
    return timeMs !== undefined && durationMs !== undefined && timeMs > this.#times.nowMs - durationMs;
  }

  *#keptTags(): Steps<ReadonlySet<ObservedTag>> {
    const newest = yield* this.#newestTags();
    const kept = new Set<ObservedTag>();
    for (const tag of this.#observed.tags) {
      if (!this.#graph.isCompanion(tag) && this.#isKept(tag, newest)) kept.add(tag);
      yield;
    }
    return kept;
  }

  /** Those that are counted and not listed, the newest of them. */
  *#newestTags(): Steps<ReadonlySet<ObservedTag>> {
    const { keepTags = 0 } = this.#rule;
    const counted: ObservedTag[] = [];
    for (const tag of keepTags === 0 ? [] : this.#observed.tags) {
      if (!isAbout(tag) && !this.#isListed(tag)) counted.push(tag);
      yield;
    }
    const sorted = yield* sortedInSteps(counted, (a, b) => b.taggedMs - a.taggedMs || byTag(a, b));
    return new Set(sorted.slice(0, keepTags));
  }

  #isKept(tag: ObservedTag, newest: ReadonlySet<ObservedTag>): boolean {
    const manifest = this.#graph.get(tag.digest);
    if (manifest === undefined || this.#protected.has(tag.digest) || this.#isListed(tag)) return true;
    // What is about a manifest that is gone: nobody's version of anything, and not to be counted as one.
    if (isAbout(tag)) return !this.#isExpired(manifest, tag.taggedMs);
    return !limitsTags(this.#rule) || newest.has(tag) || this.#isRecent(tag, manifest);
  }

  #isRecent(tag: ObservedTag, manifest: ObservedManifest): boolean {
    const { keepPushedWithinMs, keepPulledWithinMs } = this.#rule;
    return this.#isWithin(tag.taggedMs, keepPushedWithinMs) || this.#isWithin(manifest.pulledMs, keepPulledWithinMs);
  }

  #isExpired(manifest: ObservedManifest, sinceMs: number): boolean {
    const { deleteUntaggedAfterMs } = this.#rule;
    const lastMs = Math.max(usedMs(manifest), manifest.releasedMs ?? 0, sinceMs);
    return deleteUntaggedAfterMs !== undefined && !this.#isWithin(lastMs, deleteUntaggedAfterMs);
  }

  /** @returns "stays", why it goes unless something else keeps it, or undefined for what does as its leaders do */
  #judge(manifest: ObservedManifest, keptTags: ReadonlySet<ObservedTag>): string | undefined {
    const tags = this.#graph.tags(manifest.digest);
    if (tags.some((tag) => keptTags.has(tag))) return "stays";
    if (tags.length > 0) return "no tag names it any more";
    if (this.#graph.leaders(manifest.digest).size > 0) return undefined;
    return this.#isExpired(manifest, 0) ? this.#untaggedCause() : "stays";
  }

  #untaggedCause(): string {
    const { deleteUntaggedAfterMs = 0, place } = this.#rule;
    return `untagged and unused for ${formatDuration(deleteUntaggedAfterMs)} (${place})`;
  }

  #tagCause(tag: Tag): string {
    const { keepTags, keepPushedWithinMs, keepPulledWithinMs, place } = this.#rule;
    if (subjectOfTag(tag) !== undefined) return this.#untaggedCause();
    const reasons = [
      ...(keepTags === undefined ? [] : [`not among the ${keepTags} newest`]),
      ...(keepPushedWithinMs === undefined ? [] : [`not pushed within ${formatDuration(keepPushedWithinMs)}`]),
      ...(keepPulledWithinMs === undefined ? [] : [`not pulled within ${formatDuration(keepPulledWithinMs)}`]),
    ];
    return `${reasons.join(", ")} (${place})`;
  }

  #tagDeletion(tag: ObservedTag, deletion: { readonly cause: string; readonly group: number }): Deletion {
    const manifest = this.#graph.get(tag.digest);
    const lastMs = manifest === undefined ? 0 : usedMs(manifest);
    return { kind: "tag", repository: this.#observed.repository, ...tag, usedMs: lastMs, ...deletion };
  }

  /** Tags about a manifest that goes, of what stays for the sake of others: they would be about nothing. */
  #orphaned(digest: Digest, goes: ReadonlySet<Digest>): readonly ObservedTag[] {
    return this.#graph.tagsAbout(digest).filter((tag) => {
      const manifest = this.#graph.get(tag.digest);
      if (manifest === undefined || goes.has(tag.digest) || this.#protected.has(tag.digest)) return false;
      return !this.#isListed(tag) && this.#isExpired(manifest, tag.taggedMs);
    });
  }

  /** What goes with one manifest: its tags first. */
  #manifestDeletions(digest: Digest, { causes, goes }: Going, group: number): readonly Deletion[] {
    const leader = [...this.#graph.leaders(digest)].sort()[0];
    const cause = causes.get(digest) ?? `goes with ${leader}`;
    const tags = this.#graph.tags(digest);
    const companions = [...this.#graph.companionTags(digest), ...this.#orphaned(digest, goes)];
    const manifest = this.#graph.get(digest);
    return [
      ...tags.toSorted(byTag).map((tag) => this.#tagDeletion(tag, { cause: this.#tagCause(tag.tag), group })),
      ...companions.toSorted(byTag).map((tag) => this.#tagDeletion(tag, { cause, group })),
      {
        kind: "manifest",
        repository: this.#observed.repository,
        digest,
        usedMs: manifest === undefined ? 0 : usedMs(manifest),
        cause,
        group,
      },
    ];
  }
}

function usedMs(manifest: ObservedManifest): number {
  return Math.max(manifest.pushedMs, manifest.pulledMs ?? 0);
}

/** True for a tag that says what it is about. */
function isAbout({ tag }: ObservedTag): boolean {
  return subjectOfTag(tag) !== undefined;
}

function byTag(left: ObservedTag, right: ObservedTag): number {
  return left.tag < right.tag ? -1 : 1;
}
