import type { State } from "../state/state.ts";

/** Who made each repository: the quotas of users count by it. What a repository's removal leaves here counts nothing. */
export class RepositoryOwners {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** Notes who makes a repository, anew if it was there before. */
  own(repository: string, user: string): void {
    this.#state.transaction(() => {
      this.#state.db
        .query("INSERT OR REPLACE INTO repository_owners (repository, user) VALUES (?, ?)")
        .run(repository, user);
    });
  }

  /** @returns undefined if nobody with a name made it. */
  ownerOf(repository: string): string | undefined {
    const row = this.#state.db.query("SELECT user FROM repository_owners WHERE repository = ?").get(repository);
    return (row as { readonly user: string } | null)?.user;
  }

  /** What this user made, as far as it is there still. */
  of(user: string): ReadonlySet<string> {
    const rows = this.#state.db.query("SELECT repository FROM repository_owners WHERE user = ?").all(user);
    return new Set((rows as readonly { readonly repository: string }[]).map(({ repository }) => repository));
  }
}
