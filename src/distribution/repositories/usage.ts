import type { State } from "../../state/state.ts";
import type { RepositoryName } from "./repository-name.ts";

/** What repositories hold. A blob that two of them hold counts in both, though its bytes are stored once. */
export interface RepositoryUsage {
  /** Manifests among them. */
  readonly blobs: number;
  readonly bytes: number;
}

interface UsageRow {
  readonly repository: RepositoryName;
  readonly blobs: number;
  readonly bytes: number;
}

/** How much repositories hold: running totals, which change in the transaction of each change. */
export class Usage {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** Of one repository; nothing of one that is not there. */
  of(repository: RepositoryName): RepositoryUsage {
    const row = this.#state.db
      .query<RepositoryUsage, [string]>("SELECT blobs, bytes FROM repository_usage WHERE repository = ?")
      .get(repository);
    return { blobs: row?.blobs ?? 0, bytes: row?.bytes ?? 0 };
  }

  /** Of all repositories that `isCounted` says yes to. */
  sum(isCounted: (repository: RepositoryName) => boolean = () => true): RepositoryUsage {
    const total = { blobs: 0, bytes: 0 };
    for (const row of this.#state.db.query<UsageRow, []>("SELECT * FROM repository_usage").iterate()) {
      if (!isCounted(row.repository)) continue;
      total.blobs += row.blobs;
      total.bytes += row.bytes;
    }
    return total;
  }
}
