/**
 * Bytes on their way from a thread that hands them on to the one that takes them: in order, each once. Who pushes is told, by
 * `onTaken`, what has been taken, and is to keep to a window of its own.
 */
export class HandedOnPieces implements AsyncIterable<Uint8Array> {
  readonly #pieces: Uint8Array[] = [];
  #isEnded = false;
  #wake: (() => void) | undefined;
  /** Set by who pushes. */
  onTaken: (bytes: number) => void = () => {};

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#wake?.();
  }

  /** Nothing more comes. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const bytes = this.#pieces.shift();
      if (bytes !== undefined) {
        const { byteLength } = bytes;
        yield bytes;
        this.onTaken(byteLength);
      } else if (this.#isEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
