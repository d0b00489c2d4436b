import { formatError, type GantryError, isGantryError } from "../../errors/gantry-error.ts";

export interface BucketProbeParts {
  /** Asks the bucket for as little as there is. @throws GantryError */
  readonly ask: () => Promise<void>;
  readonly nowMs: () => number;
  /** Tells the operator one sentence: when the answer has changed. */
  readonly warn: (sentence: string) => void;
}

/** For so long an answer stands, however many ask. */
const FRESH_MS = 2000;

/** Whether a bucket can be used now: asked when somebody wants to know, once for all who do, and not again for two seconds. */
export class BucketProbe {
  readonly #parts: BucketProbeParts;
  #asking: Promise<void> | undefined;
  #freshUntilMs = Number.NEGATIVE_INFINITY;
  #failure: GantryError | undefined;

  constructor(parts: BucketProbeParts) {
    this.#parts = parts;
  }

  /** @returns why it cannot be used, or undefined */
  async look(): Promise<GantryError | undefined> {
    if (this.#parts.nowMs() >= this.#freshUntilMs) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
    return this.#failure;
  }

  async #ask(): Promise<void> {
    const { ask, nowMs, warn } = this.#parts;
    const before = this.#failure;
    this.#failure = await ask().then(
      () => undefined,
      (error: unknown) => {
        if (isGantryError(error)) return error;
        throw error;
      },
    );
    this.#freshUntilMs = nowMs() + FRESH_MS;
    if (this.#failure !== undefined && before === undefined)
      warn(`the registry is not ready: ${formatError(this.#failure)}`);
    if (this.#failure === undefined && before !== undefined) warn("the registry is ready again: its bucket answers");
  }
}
