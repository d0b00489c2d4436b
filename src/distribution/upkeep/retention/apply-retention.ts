import type { Digest } from "../../../oci/digest.ts";
import type { State } from "../../../state/state.ts";
import { isReferredTo, removeManifest, removeTag } from "../../repositories/holdings.ts";
import type { RepositoryName } from "../../repositories/repository-name.ts";
import { subjectOfTag } from "./manifest-graph.ts";
import type { Deletion } from "./plan-retention.ts";

/** How many deletions one transaction takes, unless more belong together. */
const STEP_DELETIONS = 100;

/**
 * Carries one step of a plan out, in one transaction. Each deletion looks again: what was tagged, pushed, pulled or put into an index since the
 * plan was made stays.
 *
 * @returns what was done
 */
export function applyStep(state: State, step: readonly Deletion[]): readonly Deletion[] {
  return state.transaction(() => step.filter((deletion) => applyDeletion(state, deletion)));
}

/** A plan in short steps; what belongs together is in one. */
export function* stepsOf(plan: readonly Deletion[]): Generator<readonly Deletion[]> {
  let step: Deletion[] = [];
  for (const deletion of plan) {
    const last = step.at(-1);
    const isSameGroup = last?.group === deletion.group && last.repository === deletion.repository;
    if (step.length >= STEP_DELETIONS && !isSameGroup) {
      yield step;
      step = [];
    }
    step.push(deletion);
  }
  if (step.length > 0) yield step;
}

function applyDeletion(state: State, deletion: Deletion): boolean {
  const { repository, digest } = deletion;
  const now = look(state, deletion);
  if (now === undefined || now.used !== deletion.usedMs) return false;
  if (deletion.kind === "tag") {
    const isAbout = subjectOfTag(deletion.tag) ?? digest;
    if (isAbout !== digest && holds(state, repository, isAbout)) return false;
    return isTagUnchanged(state, deletion) && removeTag(state, repository, deletion.tag);
  }
  const isNamed = now.tagged === 1 || (now.subject !== null && holds(state, repository, now.subject));
  return !isNamed && !isReferredTo(state.db, repository, digest) && removeManifest(state, repository, digest);
}

interface Look {
  /** When it was last pushed or pulled. */
  readonly used: number;
  readonly subject: Digest | null;
  readonly tagged: number;
}

function look(state: State, { repository, digest }: Deletion): Look | undefined {
  const row = state.db.query<Look, [string, string]>(
    `SELECT max(pushed_ms, coalesce(pulled_ms, 0)) AS used, subject,
       EXISTS (SELECT 1 FROM repository_tags AS tag
         WHERE tag.repository = manifest.repository AND tag.digest = manifest.digest) AS tagged
     FROM repository_manifests AS manifest WHERE repository = ? AND digest = ?`,
  );
  return row.get(repository, digest) ?? undefined;
}

function holds(state: State, repository: RepositoryName, digest: Digest): boolean {
  const held = state.db.query<{ one: number }, [string, string]>(
    "SELECT 1 AS one FROM repository_manifests WHERE repository = ? AND digest = ?",
  );
  return held.get(repository, digest) !== null;
}

function isTagUnchanged(state: State, deletion: Extract<Deletion, { readonly kind: "tag" }>): boolean {
  const unchanged = state.db.query<{ one: number }, [string, string, string, number]>(
    "SELECT 1 AS one FROM repository_tags WHERE repository = ? AND tag = ? AND digest = ? AND tagged_ms = ?",
  );
  return unchanged.get(deletion.repository, deletion.tag, deletion.digest, deletion.taggedMs) !== null;
}
