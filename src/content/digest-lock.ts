import type { Digest } from "../oci/digest.ts";

/** One at a time for each digest: storing a blob and removing the file of one never overlap. */
export class DigestLock {
  readonly #tails = new Map<Digest, Promise<unknown>>();

  /** Runs `work` after all that was asked for this digest before. */
  async run<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(digest) ?? Promise.resolve();
    const mine = before.then(work, work);
    const tail = mine.catch(() => undefined);
    this.#tails.set(digest, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(digest) === tail) this.#tails.delete(digest);
    }
  }
}
