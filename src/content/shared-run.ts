/** Work that counts for everything that was done before it began: one run of it serves all who ask before that. */
export class SharedRun {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  /** The one that has not begun. */
  #next: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Waits for a run that begins after this call, and fails if that one does. */
  run(): Promise<void> {
    this.#next ??= this.#begin(this.#running);
    return this.#next;
  }

  async #begin(before: Promise<void> | undefined): Promise<void> {
    // Even without one before it waits for a turn: `#next` is set by then.
    await before?.catch(() => undefined);
    this.#running = this.#next;
    this.#next = undefined;
    await this.#work();
  }
}
