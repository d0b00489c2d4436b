/** Clocks in milliseconds. */
export interface Clocks {
  /** The one that stamps what is pushed, and that somebody may set. */
  readonly now: () => number;
  /** How long the host is up, the time it slept included: nobody sets that. */
  readonly uptimeMs: () => number;
}

/** Notices when a clock is set. */
export class ClockWatch {
  readonly #clocks: Clocks;
  #aheadMs: number;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    this.#aheadMs = this.#measure();
  }

  /** How far the clock was set since the last look, or since there is a watch: forward above 0, back below. */
  look(): number {
    const beforeMs = this.#aheadMs;
    this.#aheadMs = this.#measure();
    return this.#aheadMs - beforeMs;
  }

  #measure(): number {
    return this.#clocks.now() - this.#clocks.uptimeMs();
  }
}
