/** Typed bytes to be passed on, and whether the sequence of keys that leaves the terminal is complete. */
export interface Typed {
  readonly bytes: Uint8Array;
  readonly isDetached: boolean;
}

/**
 * Looks for a sequence of keys in what is typed. What may be its beginning is held back until the next key tells, and
 * then passed on if it was not.
 */
export class DetachFilter {
  readonly #keys: Uint8Array;
  #held: number[] = [];

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  push(chunk: Uint8Array): Typed {
    const passed: number[] = [];
    for (const byte of chunk) {
      this.#held.push(byte);
      // What does not begin the sequence any more leaves from the front.
      while (!this.#held.every((held, index) => held === this.#keys[index])) passed.push(this.#held.shift() ?? 0);
      if (this.#held.length === this.#keys.length) return { bytes: Uint8Array.from(passed), isDetached: true };
    }
    return { bytes: Uint8Array.from(passed), isDetached: false };
  }
}
