/** What is kept in the repositories that a pattern names. A tag stays if any of what keeps tags says so. */
export interface RetentionRule {
  /** Where it stands in the configuration: `retention[0]`. */
  readonly place: string;
  /** See `globMatcher`. */
  readonly repositories: readonly string[];
  /** Tags that always stay, and do not count among the newest. */
  readonly keep: readonly string[];
  /** How many of the newest other tags stay. */
  readonly keepTags?: number;
  readonly keepPushedWithinMs?: number;
  readonly keepPulledWithinMs?: number;
  /** What no tag and no index names goes so long after it was last pushed, pulled or named. Without it, it stays. */
  readonly deleteUntaggedAfterMs?: number;
}

/** True if the rule can take tags away. */
export function limitsTags(rule: RetentionRule): boolean {
  return rule.keepTags !== undefined || rule.keepPushedWithinMs !== undefined || rule.keepPulledWithinMs !== undefined;
}
