import type { Digest } from "../../../oci/digest.ts";
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
 * Decides what the rules take away, and why. What a tag that stays reaches, stays: entries of indexes, and what is said about it
 * (signatures go with their subject, and never before). In the order in which it is to be done: what follows comes after what it follows.
 */
export function planRetention(
  rules: readonly RetentionRule[],
  observed: readonly ObservedRepository[],
  times: RetentionTimes,
): readonly Deletion[] {
  return observed.flatMap((repository) => {
    const rule = ruleFor(rules, repository.repository);
    return rule === undefined ? [] : new RepositoryPlan(repository, rule, times).deletions();
  });
}

/** One repository under one rule. */
class RepositoryPlan {
  readonly #observed: ObservedRepository;
  readonly #rule: RetentionRule;
  readonly #times: RetentionTimes;
  readonly #graph: ManifestGraph;
  readonly #protected: ReadonlySet<Digest>;

  constructor(observed: ObservedRepository, rule: RetentionRule, times: RetentionTimes) {
    this.#observed = observed;
    this.#rule = rule;
    this.#times = times;
    this.#graph = new ManifestGraph(observed);
    const recent = observed.manifests.filter((manifest) => this.#isWithin(usedMs(manifest), times.graceMs));
    const named = observed.tags.filter((tag) => this.#isWithin(tag.taggedMs, times.graceMs));
    // An index goes with its entries, so that it stays for the sake of one that was just used.
    this.#protected = this.#graph.withLeaders([...recent, ...named].map(({ digest }) => digest));
  }

  deletions(): readonly Deletion[] {
    const keptTags = this.#keptTags();
    const going = new Map<Digest, string>();
    const staying: Digest[] = [...this.#protected];
    for (const manifest of this.#observed.manifests) {
      const verdict = this.#judge(manifest, keptTags);
      if (verdict === "stays") staying.push(manifest.digest);
      else if (verdict !== undefined) going.set(manifest.digest, verdict);
    }
    const stays = this.#graph.withFollowers(staying);
    const goes = new Set([...this.#graph.withFollowers(going.keys())].filter((digest) => !stays.has(digest)));
    const untagged = [...this.#graph.tags].flatMap(([digest, tags]) =>
      goes.has(digest) ? [] : tags.filter((tag) => !keptTags.has(tag)),
    );
    return [
      ...untagged
        .toSorted(byTag)
        .map((tag, group) => this.#tagDeletion(tag, { cause: this.#tagCause(tag.tag), group })),
      ...this.#graph
        .groups(goes)
        .flatMap((digests, index) =>
          digests.flatMap((digest) => this.#manifestDeletions(digest, { going, goes }, untagged.length + index)),
        ),
    ];
  }

  #isWithin(timeMs: number | undefined, durationMs: number | undefined): boolean {
    return timeMs !== undefined && durationMs !== undefined && timeMs > this.#times.nowMs - durationMs;
  }

  #keptTags(): ReadonlySet<ObservedTag> {
    const tags = [...this.#graph.tags.values()].flat();
    const { keep, keepTags = 0 } = this.#rule;
    // What is about a manifest that is gone: nobody's version of anything, and not to be counted as one.
    const isOrphan = (tag: ObservedTag): boolean => subjectOfTag(tag.tag) !== undefined;
    const matchers = keep.map(globMatcher);
    const listed = new Set(tags.filter((tag) => matchers.some((matches) => matches(tag.tag))));
    const counted = tags.filter((tag) => !isOrphan(tag) && !listed.has(tag));
    const newest = new Set(counted.toSorted((a, b) => b.taggedMs - a.taggedMs || byTag(a, b)).slice(0, keepTags));
    return new Set(
      tags.filter((tag) => {
        const manifest = this.#graph.manifests.get(tag.digest);
        if (manifest === undefined || this.#protected.has(tag.digest) || listed.has(tag)) return true;
        if (isOrphan(tag)) return !this.#isExpired(manifest, tag.taggedMs);
        return !limitsTags(this.#rule) || newest.has(tag) || this.#isRecent(tag, manifest);
      }),
    );
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
    const tags = this.#graph.tags.get(manifest.digest) ?? [];
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
    const manifest = this.#graph.manifests.get(tag.digest);
    const lastMs = manifest === undefined ? 0 : usedMs(manifest);
    return { kind: "tag", repository: this.#observed.repository, ...tag, usedMs: lastMs, ...deletion };
  }

  /** Tags about a manifest that goes, of what stays for the sake of others: they would be about nothing. */
  #orphaned(digest: Digest, goes: ReadonlySet<Digest>): readonly ObservedTag[] {
    const matchers = this.#rule.keep.map(globMatcher);
    return (this.#graph.tagsAbout.get(digest) ?? []).filter((tag) => {
      const manifest = this.#graph.manifests.get(tag.digest);
      if (manifest === undefined || goes.has(tag.digest) || this.#protected.has(tag.digest)) return false;
      return !matchers.some((matches) => matches(tag.tag)) && this.#isExpired(manifest, tag.taggedMs);
    });
  }

  /** What goes with one manifest: its tags first. */
  #manifestDeletions(
    digest: Digest,
    { going, goes }: { readonly going: ReadonlyMap<Digest, string>; readonly goes: ReadonlySet<Digest> },
    group: number,
  ): readonly Deletion[] {
    const leader = [...this.#graph.leaders(digest)].sort()[0];
    const cause = going.get(digest) ?? `goes with ${leader}`;
    const tags = this.#graph.tags.get(digest) ?? [];
    const companions = [...(this.#graph.companionTags.get(digest) ?? []), ...this.#orphaned(digest, goes)];
    const manifest = this.#graph.manifests.get(digest);
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

function byTag(left: ObservedTag, right: ObservedTag): number {
  return left.tag < right.tag ? -1 : 1;
}
