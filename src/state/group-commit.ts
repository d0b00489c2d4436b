interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitParts {
  /** Runs work in a transaction, or in a part of the one that is open. */
  readonly transaction: <T>(work: () => T) => T;
  /** False once the database has given the whole transaction up, as it does when the disk is full. */
  readonly isOpen: () => boolean;
}

/**
 * Several pieces of work in one commit, and so in one sync of the disk: those that are asked for before the program's next turn. One that
 * throws is rolled back alone; a commit that fails fails for all of them.
 */
export class GroupCommit {
  readonly #parts: GroupCommitParts;
  #waiting: Waiting[] = [];

  constructor(parts: GroupCommitParts) {
    this.#parts = parts;
  }

  /** @returns when it is on disk */
  run<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#waiting.push({ work, resolve, reject }) === 1) setImmediate(() => this.#commit());
    return promise as Promise<T>;
  }

  #commit(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const outcomes = this.#parts.transaction(() => waiting.map((one) => this.#attempt(one)));
      for (const settle of outcomes) settle();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  #attempt({ work, resolve, reject }: Waiting): () => void {
    try {
      const result = this.#parts.transaction(work);
      return () => resolve(result);
    } catch (error) {
      if (!this.#parts.isOpen()) throw error;
      return () => reject(error);
    }
  }
}
