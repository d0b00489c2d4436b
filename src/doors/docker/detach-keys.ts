import { GantryError } from "../../errors/gantry-error.ts";

/** What `detachKeys` is when nobody says otherwise. */
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

const CONTROL_SYMBOLS: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/**
 * The bytes of a sequence such as `ctrl-p,ctrl-q` or `a,ctrl-@`.
 *
 * @throws `invalid-argument` for a key that is neither one character nor `ctrl-` with a letter or one of `@[\]^_`.
 */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from(text.split(","), (key) => {
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    const letter = /^ctrl-(.)$/s.exec(key)?.[1] ?? "";
    if (/^[a-z]$/.test(letter)) return letter.charCodeAt(0) - 96;
    const symbol = CONTROL_SYMBOLS[letter];
    if (symbol !== undefined) return symbol;
    throw new GantryError(
      "invalid-argument",
      `invalid detach keys (${text}): unknown character: ${JSON.stringify(key)}`,
    );
  });
}

/** What became of typed bytes. */
export interface Typed {
  /** To be passed on, with what was held back before if it turned out to be no part of the sequence. */
  readonly bytes: Uint8Array;
  readonly hasDetached: boolean;
}

/** Finds a sequence of keys in what is typed. A started sequence is held back until it is complete or broken. */
export class DetachKeysFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  push(typed: Uint8Array): Typed {
    const passed: number[] = [];
    for (const byte of typed) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { bytes: Uint8Array.from(passed), hasDetached: true };
        continue;
      }
      this.#release(byte, passed);
    }
    return { bytes: Uint8Array.from(passed), hasDetached: false };
  }

  /** A broken sequence may contain the start of another: the longest one is kept. */
  #release(byte: number, passed: number[]): void {
    const held = [...this.#keys.subarray(0, this.#matched), byte];
    this.#matched = 0;
    while (held.length > 0) {
      if (held.every((value, index) => value === this.#keys[index])) {
        this.#matched = held.length;
        return;
      }
      passed.push(held.shift() ?? 0);
    }
  }
}
