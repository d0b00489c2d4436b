/**
 * Does the work for each item, `limit` of them at once, in their order. The first failure calls the others off, and is thrown when
 * all have ended.
 */
export async function eachAtOnce<T>(
  items: readonly T[],
  options: { readonly limit: number; readonly signal?: AbortSignal | undefined },
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const signal = options.signal === undefined ? failure.signal : AbortSignal.any([options.signal, failure.signal]);
  const failures: unknown[] = [];
  const waiting = items.values();
  const take = async (): Promise<void> => {
    for (const item of waiting) {
      if (signal.aborted) return;
      try {
        await work(item, signal);
      } catch (error) {
        failures.push(error);
        failure.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: options.limit }, take));
  if (failures.length > 0) throw failures[0];
  options.signal?.throwIfAborted();
}
