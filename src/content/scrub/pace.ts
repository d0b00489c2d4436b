/** A small file costs as much as so many bytes: finding it is work, too. */
const FILE_BYTES_MIN = 16_384;

/** Sleeping for less is not worth it. */
const SLEEP_MS_MIN = 5;

export interface PaceOptions {
  /** On a clock that never goes back. */
  readonly nowMs: () => number;
  readonly sleep: (durationMs: number) => Promise<void>;
}

/** Holds whoever reads to a rate. */
export class Pace {
  readonly #options: PaceOptions;
  /** When what was read so far would be over at the rate. */
  #paidMs = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Waits as long as is needed after a new file was opened. */
  async opened(bytesPerSecond: number): Promise<void> {
    await this.read(FILE_BYTES_MIN, bytesPerSecond);
  }

  /** Waits as long as is needed after so many bytes. @param bytesPerSecond 0: does not wait */
  async read(bytes: number, bytesPerSecond: number): Promise<void> {
    if (bytesPerSecond === 0) return;
    const nowMs = this.#options.nowMs();
    this.#paidMs = Math.max(this.#paidMs, nowMs) + (bytes / bytesPerSecond) * 1000;
    if (this.#paidMs - nowMs >= SLEEP_MS_MIN) await this.#options.sleep(this.#paidMs - nowMs);
  }
}
