import { nextTurn } from "./next-turn.ts";

/** Work that can be left at each `yield`, and gone on with. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** How long the event loop is held at once. */
const TURN_MS = 5;

export interface InTurnsOptions {
  /** Milliseconds, of any beginning. */
  readonly now: () => number;
  /** Ends it between two turns. */
  readonly signal?: AbortSignal;
}

/** Does long work a few milliseconds at a time, with everything else of the program between. */
export async function inTurns<T>(work: Steps<T>, { now, signal }: InTurnsOptions): Promise<T> {
  for (let endMs = now() + TURN_MS; ; ) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (now() < endMs) continue;
    await nextTurn();
    signal?.throwIfAborted();
    endMs = now() + TURN_MS;
  }
}

/** As `toSorted`, in steps: merges of what is sorted already, so that no step takes longer than another. Stable. */
export function* sortedInSteps<T>(items: readonly T[], compare: (left: T, right: T) => number): Steps<T[]> {
  let from = [...items];
  for (let width = 1; width < from.length; width *= 2) {
    const into: T[] = [];
    for (let start = 0; start < from.length; start += 2 * width) {
      const middle = Math.min(start + width, from.length);
      const end = Math.min(start + 2 * width, from.length);
      for (let left = start, right = middle; left < middle || right < end; ) {
        const isLeft = right >= end || (left < middle && compare(from[left] as T, from[right] as T) <= 0);
        into.push(from[isLeft ? left++ : right++] as T);
        yield;
      }
    }
    from = into;
  }
  return from;
}
