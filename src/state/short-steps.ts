import { nextTurn } from "../platform/next-turn.ts";
import type { State } from "./state.ts";

/** How many rows, and for how long, one step holds the database and the event loop. */
const STEP_ROWS = 500;
const STEP_MS = 5;

export interface ShortStepsOptions<Row> {
  /** The rows that follow `last`, in their order, at most `limit`; the first ones without it. */
  readonly page: (last: Row | undefined, limit: number) => readonly Row[];
  /** Looks at a row, and may change what it speaks of, in the step's transaction. @returns true if it is to be told of */
  readonly take: (row: Row) => boolean;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * Goes through any number of rows and keeps nobody waiting: in steps of at most 500 rows or 5 ms, each a transaction, with everything else
 * between them.
 *
 * @returns what was taken, step by step, when it is on disk
 */
export async function* shortSteps<Row>(
  state: State,
  { page, take, signal }: ShortStepsOptions<Row>,
): AsyncGenerator<readonly Row[], void, undefined> {
  for (let last: Row | undefined; ; ) {
    signal?.throwIfAborted();
    const step = state.transaction(() => {
      const endMs = state.now() + STEP_MS;
      const rows = page(last, STEP_ROWS);
      const taken: Row[] = [];
      for (const row of rows) {
        if (take(row)) taken.push(row);
        if (state.now() >= endMs) return { taken, next: row };
      }
      return { taken, next: rows.length < STEP_ROWS ? undefined : rows.at(-1) };
    });
    if (step.taken.length > 0) yield step.taken;
    if (step.next === undefined) return;
    last = step.next;
    await nextTurn();
  }
}
