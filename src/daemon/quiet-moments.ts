/** Calls back once whenever nothing has happened for a while after something did. */
export class QuietMoments implements Disposable {
  readonly #onQuiet: () => void;
  readonly #quietMs: number;
  #lastMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param options `quietMs`: the while. @default 2000 */
  constructor(onQuiet: () => void, options: { readonly quietMs?: number } = {}) {
    this.#onQuiet = onQuiet;
    this.#quietMs = options.quietMs ?? 2000;
  }

  /** Something happened. Cheap: the timer is armed once, and looks again when it fires too early. */
  stir(): void {
    this.#lastMs = performance.now();
    if (this.#timer === undefined) this.#arm(this.#quietMs);
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const missingMs = this.#lastMs + this.#quietMs - performance.now();
      if (missingMs > 0) return this.#arm(missingMs);
      this.#timer = undefined;
      this.#onQuiet();
    }, delayMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
