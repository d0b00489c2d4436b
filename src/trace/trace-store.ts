import { NO_TRACE, type Span, type Trace, TraceRecorder } from "./trace.ts";

const MAX_TRACES = 16;

/** The traces of a daemon, by the names that clients gave them: the last sixteen, until they are taken. */
export class TraceStore {
  readonly #nowUs: () => number;
  readonly #recorders = new Map<string, TraceRecorder>();

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  /** Where the spans of a call go: that one's of its name, nowhere without one. */
  open(name: string | undefined, lane: string): Trace {
    if (name === undefined) return NO_TRACE;
    let recorder = this.#recorders.get(name);
    if (recorder === undefined) {
      recorder = new TraceRecorder(this.#nowUs);
      this.#recorders.set(name, recorder);
      const [oldest] = this.#recorders.keys();
      if (this.#recorders.size > MAX_TRACES && oldest !== undefined) this.#recorders.delete(oldest);
    }
    return recorder.lane(lane);
  }

  /** The spans that were noted under a name, which is forgotten; none for one that is not known. */
  take(name: string): readonly Span[] {
    const spans = this.#recorders.get(name)?.spans ?? [];
    this.#recorders.delete(name);
    return spans;
  }
}
