/**
 * A stretch of time that something took. Times are microseconds of the kernel's monotonic clock (CLOCK_MONOTONIC), which all
 * processes of a host share: spans of a command, of the daemon and of a monitor fit together.
 */
export interface Span {
  readonly name: string;
  readonly startUs: number;
  readonly endUs: number;
  /** What goes on beside it has another lane; within one, spans lie inside of each other or apart. */
  readonly lane: string;
}

/** Where the spans of one lane are noted. */
export interface Trace {
  /** A span from now on until it is disposed of. */
  span(name: string): Disposable;
  /** A span that somebody else has measured; left out where a time is missing. */
  add(name: string, startUs: number | undefined, endUs: number | undefined): void;
  /** For what goes on at the same time. */
  lane(name: string): Trace;
}

const NOTHING: Disposable = { [Symbol.dispose]() {} };

/** For what nobody asked to trace. */
export const NO_TRACE: Trace = { span: () => NOTHING, add() {}, lane: () => NO_TRACE };

/** Runs `body` in a span of its own. */
export async function inSpan<T>(trace: Trace, name: string, body: () => T | Promise<T>): Promise<T> {
  using _span = trace.span(name);
  return await body();
}

const MAX_SPANS = 10_000;

/** Notes spans; those beyond ten thousand are not kept. */
export class TraceRecorder {
  readonly #nowUs: () => number;
  readonly #spans: Span[] = [];

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  /** In the order in which they ended. */
  get spans(): readonly Span[] {
    return this.#spans;
  }

  lane(lane: string): Trace {
    const add = (name: string, startUs: number | undefined, endUs: number | undefined): void => {
      if (startUs === undefined || endUs === undefined || this.#spans.length >= MAX_SPANS) return;
      this.#spans.push({ name, startUs, endUs: Math.max(startUs, endUs), lane });
    };
    return {
      span: (name) => {
        const startUs = this.#nowUs();
        return { [Symbol.dispose]: () => add(name, startUs, this.#nowUs()) };
      },
      add,
      lane: (other) => this.lane(other),
    };
  }
}
