import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName, Tag } from "../repositories/repository-name.ts";

/** A manifest as a client names it. */
export type NamedManifest = { readonly tag: Tag } | { readonly digest: Digest };

/** What came of asking; `why` is what made it fail. */
export type UpstreamAnswer =
  | { readonly kind: "found" | "absent" }
  | { readonly kind: "unreachable"; readonly why: unknown };

/** How soon what was not there, or could not be asked for, is asked for again. */
const RETRY_MS = 5000;
/** How many answers are remembered; what is forgotten is asked for again. */
const REMEMBERED_MAX = 20_000;

/**
 * When a manifest of a copied repository is asked for again at the other registry:
 *
 * - by a digest that is here: never
 * - by a tag that was found: when the rule's `refresh` is over
 * - what was not there, or could not be asked for, be it here or not: after five seconds, or after `refresh` if that is shorter
 * - what was found, and is here no more (it was removed, or damaged and put aside): at once
 */
export class RefreshTimes {
  readonly #now: () => number;
  /** The last answers, the oldest first. */
  readonly #answers = new Map<string, { readonly answer: UpstreamAnswer; readonly untilMs: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param isHere whether the repository holds it at this moment */
  isDue(repository: RepositoryName, named: NamedManifest, isHere: boolean): boolean {
    if ("digest" in named && isHere) return false;
    const last = this.#answers.get(keyOf(repository, named));
    if (last === undefined || this.#now() >= last.untilMs) return true;
    return last.answer.kind === "found" && !isHere;
  }

  /** The answer of the last time; undefined if there was none, or it is forgotten. */
  last(repository: RepositoryName, named: NamedManifest): UpstreamAnswer | undefined {
    return this.#answers.get(keyOf(repository, named))?.answer;
  }

  /** Notes what was answered just now. */
  note(
    repository: RepositoryName,
    named: NamedManifest,
    { answer, refreshMs }: { readonly answer: UpstreamAnswer; readonly refreshMs: number },
  ): void {
    const key = keyOf(repository, named);
    const forMs = answer.kind === "found" ? refreshMs : Math.min(refreshMs, RETRY_MS);
    this.#answers.delete(key);
    this.#answers.set(key, { answer, untilMs: this.#now() + forMs });
    if (this.#answers.size <= REMEMBERED_MAX) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }
}

function keyOf(repository: RepositoryName, named: NamedManifest): string {
  return `${repository} ${"tag" in named ? named.tag : named.digest}`;
}
