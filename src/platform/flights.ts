/** Work that two ask for at once is done once; who comes second waits, and does it himself if the first one failed. */
export class Flights {
  readonly #running = new Map<string, Promise<void>>();

  /**
   * Runs `work` unless `isDone`, alone among all with this `key`.
   *
   * @param signal ends the waiting, with its reason.
   */
  async run(key: string, isDone: () => boolean, work: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      if (isDone()) return;
      const other = this.#running.get(key);
      if (other === undefined) break;
      await untilAborted(other, signal);
    }
    const mine = work();
    const settled = mine.catch(() => undefined);
    this.#running.set(key, settled);
    try {
      await mine;
    } finally {
      this.#running.delete(key);
    }
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await promise;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const abort = (): void => resolve();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([promise, aborted]);
  signal.removeEventListener("abort", abort);
}
