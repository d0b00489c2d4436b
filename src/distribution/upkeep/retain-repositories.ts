import { inTurns } from "../../platform/in-turns.ts";
import { nextTurn } from "../../platform/next-turn.ts";
import type { State } from "../../state/state.ts";
import type { Repositories } from "../repositories/repositories.ts";
import type { RepositoryName } from "../repositories/repository-name.ts";
import { applyStep, stepsOf } from "./retention/apply-retention.ts";
import { observeRepository } from "./retention/observe-repository.ts";
import { type Deletion, planRetention, ruleFor } from "./retention/plan-retention.ts";
import type { RetentionRule } from "./retention/retention-rule.ts";

export interface RetainOptions {
  /** Say what would go, and leave it. @default false */
  readonly isDryRun?: boolean;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal;
}

const PAGE_REPOSITORIES = 200;

/** Takes away what the rules say, repository by repository, in short steps. @returns what goes, or would, each with its cause */
export async function* retainRepositories(
  { state, repositories }: { readonly state: State; readonly repositories: Repositories },
  rules: readonly RetentionRule[],
  options: RetainOptions = {},
): AsyncGenerator<readonly Deletion[]> {
  if (rules.length === 0) return;
  for (const repository of names(repositories)) {
    options.signal?.throwIfAborted();
    if (ruleFor(rules, repository) === undefined) continue;
    // What was pulled up to now counts.
    repositories.lastPulls.write();
    const observed = await observeRepository(state, repository);
    const times = { nowMs: state.now(), graceMs: repositories.graceMs() };
    const plan = await inTurns(planRetention(rules, observed, times), { ...options, now: state.now });
    repositories.lastPulls.write();
    for (const step of stepsOf(plan)) {
      options.signal?.throwIfAborted();
      const done = options.isDryRun === true ? step : applyStep(state, step);
      if (done.length > 0) yield done;
      await nextTurn();
    }
  }
}

function* names({ listings }: Repositories): Generator<RepositoryName> {
  for (let after = ""; ; ) {
    const page = listings.repositories({ after, limit: PAGE_REPOSITORIES });
    yield* page.items;
    const last = page.items.at(-1);
    if (last === undefined || !page.hasMore) return;
    after = last;
  }
}
