import { nextTurn } from "../../platform/next-turn.ts";
import type { State } from "../../state/state.ts";
import type { RepositoryName } from "./repository-name.ts";
import type { KnownUploads } from "./uploads/known-uploads.ts";
import type { RepositoryUsage } from "./usage.ts";

/** How many rows are looked at in one step. */
const STEP_ROWS = 500;

/**
 * Who made each repository: the quotas of users count by it. Noted when somebody begins to, so that uploads into a repository that is not
 * there yet count for whoever sends them; who began and made nothing is forgotten.
 */
export class RepositoryOwners {
  readonly #state: State;
  readonly #uploads: Pick<KnownUploads, "isBegunBy">;

  constructor(state: State, uploads: Pick<KnownUploads, "isBegunBy">) {
    this.#state = state;
    this.#uploads = uploads;
  }

  /** Notes that a user stores in a repository, who thereby begins to make it if it is nobody's yet, or nobody's any more. */
  own(repository: RepositoryName, user: string): void {
    if (this.claimantOf(repository, user) !== user || this.ownerOf(repository) === user) return;
    this.#state.transaction(() => {
      this.#state.db
        .query("INSERT OR REPLACE INTO repository_owners (repository, user) VALUES (?, ?)")
        .run(repository, user);
    });
  }

  /**
   * Whose a repository is once `user` has stored in it. One that holds something has been made. Of those who begin to make it at once it is
   * the first one's, for as long as they go on: if nothing comes of it, the next one's.
   *
   * @param user undefined for nobody with a name
   */
  claimantOf(repository: RepositoryName, user: string | undefined): string | undefined {
    const owner = this.ownerOf(repository);
    if (owner === user || this.#isMade(repository)) return owner;
    return owner !== undefined && this.#uploads.isBegunBy(owner, repository) ? owner : user;
  }

  /** Who made a repository, or began to while nobody else was at it. @returns undefined if nobody with a name did. */
  ownerOf(repository: string): string | undefined {
    return this.#state.db
      .query<{ user: string }, [string]>("SELECT user FROM repository_owners WHERE repository = ?")
      .get(repository)?.user;
  }

  /** How much the repositories hold that a user made: a running total. */
  usageOf(user: string): RepositoryUsage {
    const usage = this.#state.db
      .query<RepositoryUsage, [string]>("SELECT repositories, blobs, bytes FROM owner_usage WHERE user = ?")
      .get(user);
    return usage ?? { repositories: 0, blobs: 0, bytes: 0 };
  }

  /**
   * Forgets who began repositories that hold nothing, in short steps.
   *
   * @param uploads says which somebody is uploading to; asked in the same turn in which rows go.
   */
  async forgetUnmade(uploads: { readonly repositories: ReadonlySet<string> }): Promise<void> {
    const { db } = this.#state;
    const page = db.query<{ repository: string; isMade: number }, [string, number]>(
      `SELECT o.repository, u.repository IS NOT NULL AS isMade
       FROM repository_owners o LEFT JOIN repository_usage u ON u.repository = o.repository
       WHERE o.repository > ? ORDER BY o.repository LIMIT ?`,
    );
    for (let after = ""; ; ) {
      const rows = page.all(after, STEP_ROWS);
      const begun = uploads.repositories;
      const unmade = rows.filter(({ repository, isMade }) => isMade === 0 && !begun.has(repository));
      if (unmade.length > 0) {
        this.#state.transaction(() => {
          const remove = db.query("DELETE FROM repository_owners WHERE repository = ?");
          for (const { repository } of unmade) remove.run(repository);
        });
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < STEP_ROWS) return;
      after = last.repository;
      await nextTurn();
    }
  }

  #isMade(repository: string): boolean {
    const query = this.#state.db.query<{ one: number }, [string]>(
      "SELECT 1 AS one FROM repository_usage WHERE repository = ?",
    );
    return query.get(repository) !== null;
  }
}
