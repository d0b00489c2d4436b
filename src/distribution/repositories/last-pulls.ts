import type { Digest } from "../../oci/digest.ts";
import type { State } from "../../state/state.ts";
import type { RepositoryName } from "./repository-name.ts";

/** How many manifests may wait to be written: beyond that, they are written early. */
const WAITING_MAX = 2000;

/** A pull that comes so soon after the one that is on record says nothing new. */
const RESOLUTION_MS = 60_000;

/**
 * When manifests were last pulled, for retention. A pull costs an entry in memory; who keeps the store writes them together. What a
 * killed process had not written is forgotten.
 */
export class LastPulls {
  readonly #state: State;
  readonly #waiting = new Map<string, number>();

  constructor(state: State) {
    this.#state = state;
  }

  /** A client got a manifest, or was told by its digest that it is there. */
  note(repository: RepositoryName, digest: Digest): void {
    this.#waiting.set(`${repository} ${digest}`, this.#state.now());
    if (this.#waiting.size < WAITING_MAX) return;
    try {
      this.write();
    } catch {
      // A full disk must not fail a pull: these are forgotten, as those of a killed process are.
    }
  }

  /** Writes what was noted, in one transaction. @returns how many pulls are new on record */
  write(): number {
    if (this.#waiting.size === 0) return 0;
    const noted = [...this.#waiting];
    this.#waiting.clear();
    return this.#state.transaction(() => {
      const update = this.#state.db.query(
        `UPDATE repository_manifests SET pulled_ms = ?1
         WHERE repository = ?2 AND digest = ?3 AND coalesce(pulled_ms, 0) < ?1 - ?4`,
      );
      let written = 0;
      for (const [key, pulledMs] of noted) {
        const [repository = "", digest = ""] = key.split(" ");
        written += update.run(pulledMs, repository, digest, RESOLUTION_MS).changes;
      }
      return written;
    });
  }
}
