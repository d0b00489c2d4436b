import type { State } from "../../state/state.ts";
import type { RepositoryName } from "./repository-name.ts";

/** What repositories hold. A blob that two of them hold counts in both, though its bytes are stored once. */
export interface RepositoryUsage {
  readonly repositories: number;
  /** Manifests among them. */
  readonly blobs: number;
  readonly bytes: number;
}

interface UsageRow {
  readonly repository: RepositoryName;
  readonly blobs: number;
  readonly bytes: number;
}

/** Names of repositories have nothing but ASCII's letters, digits and signs: this comes after all that goes on from a beginning. */
const AFTER_NAMES = "\x7f";

/** How much repositories hold: running totals, which change in the transaction of each change. */
export class Usage {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** Of one repository; nothing of one that is not there. */
  of(repository: string): RepositoryUsage {
    const row = this.#state.db
      .query<UsageRow, [string]>("SELECT * FROM repository_usage WHERE repository = ?")
      .get(repository);
    return row === null
      ? { repositories: 0, blobs: 0, bytes: 0 }
      : { repositories: 1, blobs: row.blobs, bytes: row.bytes };
  }

  /** True if the repository holds anything. */
  hasRepository(repository: string): boolean {
    return this.of(repository).repositories === 1;
  }

  /**
   * Of all repositories that `matches` says yes to.
   *
   * @param beginning what all of them begin with; others are not looked at.
   */
  ofRepositories(matches: (repository: string) => boolean = () => true, beginning = ""): RepositoryUsage {
    const total = { repositories: 0, blobs: 0, bytes: 0 };
    const rows = this.#state.db.query<UsageRow, [string, string]>(
      "SELECT * FROM repository_usage WHERE repository >= ? AND repository < ?",
    );
    for (const row of rows.iterate(beginning, `${beginning}${AFTER_NAMES}`)) {
      if (!matches(row.repository)) continue;
      total.repositories += 1;
      total.blobs += row.blobs;
      total.bytes += row.bytes;
    }
    return total;
  }
}
