/**
 * Starts work that tells how it gets on, and gives what it tells as a stream that ends with the work.
 *
 * @param work is given what to tell with; all that it tells is kept until it is read.
 */
export function whileWorking<M, R>(
  work: (tell: (message: M) => void) => Promise<R>,
): { readonly messages: AsyncIterable<M>; readonly result: Promise<R> } {
  const waiting: M[] = [];
  let wake = Promise.withResolvers<void>();
  let isDone = false;
  const result = work((message) => {
    waiting.push(message);
    wake.resolve();
  }).finally(() => {
    isDone = true;
    wake.resolve();
  });
  result.catch(() => undefined); // The caller awaits it, after what came before has been shown.
  const messages = (async function* () {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else if (isDone) return;
      else {
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
    }
  })();
  return { messages, result };
}
