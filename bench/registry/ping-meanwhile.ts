import { summarize } from "../alternate.ts";

const PAUSE_MS = 20;

/** Asks a registry for the least, again and again while something else goes on. @returns what that gave, and the median of the answers' times */
export async function pingMeanwhile<T>(
  host: string,
  work: Promise<T>,
): Promise<{ readonly result: T; readonly medianMs: number }> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  const times: number[] = [];
  while (!isOver) {
    const askedAt = performance.now();
    await (await fetch(`http://${host}/v2/`)).text();
    times.push(performance.now() - askedAt);
    await Bun.sleep(PAUSE_MS);
  }
  return { result: await over, medianMs: summarize(host, times).medianMs };
}
