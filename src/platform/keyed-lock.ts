/** Lets one operation at a time through for each key, in the order of asking. Not reentrant. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `body` once everything asked for earlier on `key` is over, whether that succeeded or not. */
  async run<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, promise);
    await before;
    try {
      return await body();
    } finally {
      if (this.#tails.get(key) === promise) this.#tails.delete(key);
      resolve();
    }
  }
}
