import { GantryError } from "../../errors/gantry-error.ts";

/** How many may be begun for one container: each name is some client's invention. */
const NAMES_MAX = 16;

/**
 * Calls that belong together and come on connections of their own, in any order: a start that is to wait until those who attach
 * and wait are there, without a round trip for each.
 */
export class Gathering {
  readonly #present = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  /** One more is there. */
  join(name: string): void {
    if (this.#present.size >= NAMES_MAX && !this.#present.has(name)) {
      throw new GantryError("exhausted", "too many calls wait for a start that does not come");
    }
    this.#present.set(name, (this.#present.get(name) ?? 0) + 1);
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Resolves when as many are there; they are forgotten then.
   *
   * @throws `cancelled` when `signal` fires: who was to start has gone.
   */
  async complete(name: string, count: number, signal?: AbortSignal): Promise<void> {
    while ((this.#present.get(name) ?? 0) < count) {
      if (signal?.aborted) throw new GantryError("cancelled", "the start was given up");
      await this.#change(signal);
    }
    this.#present.delete(name);
  }

  #change(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
