/** What has to be taken back if the operation does not come to its end. */
export class Undo {
  #steps: (() => unknown)[] = [];

  /** Remembers how to take back what was just done. */
  push(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** The operation has succeeded: nothing will be taken back. */
  forget(): void {
    this.#steps = [];
  }

  /** Takes back, newest first. One that fails is told to `onError` and does not keep the others from running. */
  async run(onError: (error: unknown) => void): Promise<void> {
    const steps = this.#steps.reverse();
    this.#steps = [];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        onError(error);
      }
    }
  }
}
