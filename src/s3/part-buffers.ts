/** Memory for one part, to be given back by disposing. */
export interface PartBuffer extends Disposable {
  readonly bytes: Uint8Array;
}

/** So many parts are in memory at once, among all uploads; whoever comes then waits, in the order of coming. The memory is used again. */
export class PartBuffers {
  readonly #sizeBytes: number;
  readonly #spare: Uint8Array[] = [];
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number, sizeBytes: number) {
    this.#free = count;
    this.#sizeBytes = sizeBytes;
  }

  /** How large a part is, as a rule. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @param sizeBytes more than is the rule is made for this once. */
  async take(sizeBytes: number): Promise<PartBuffer> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const isCommon = sizeBytes <= this.#sizeBytes;
    const whole = isCommon ? (this.#spare.pop() ?? new Uint8Array(this.#sizeBytes)) : new Uint8Array(sizeBytes);
    let isTaken = true;
    return {
      bytes: whole.subarray(0, sizeBytes),
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        if (isCommon) this.#spare.push(whole);
        const next = this.#waiting.shift();
        if (next === undefined) this.#free += 1;
        else next();
      },
    };
  }
}
