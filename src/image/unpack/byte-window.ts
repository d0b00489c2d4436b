/** How much may be on its way: who sends acquires, who has received releases. */
export class ByteWindow {
  #free: number;
  #isClosed = false;
  #resume: (() => void) | undefined;

  constructor(sizeBytes: number) {
    this.#free = sizeBytes;
  }

  /** Waits for room. One sender at a time; a piece may overdraw the window. False: closed, send nothing more. */
  async acquire(bytes: number): Promise<boolean> {
    while (this.#free <= 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    }
    this.#free -= bytes;
    return !this.#isClosed;
  }

  release(bytes: number): void {
    this.#free += bytes;
    this.#resume?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#resume?.();
  }
}
