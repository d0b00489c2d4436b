import type { Span } from "./trace.ts";

/** Spans of one process. */
export interface TracedProcess {
  readonly name: string;
  readonly spans: readonly Span[];
}

/**
 * Chrome's trace format ("Trace Event Format", JSON object form), which chrome://tracing, Perfetto and speedscope show.
 * Times count from the first span. Each lane is a thread, in the order in which they begin.
 */
export function formatChromeTrace(processes: readonly TracedProcess[]): string {
  const startUs = Math.min(...processes.flatMap(({ spans }) => spans.map((span) => span.startUs)));
  const events = processes.flatMap(({ name, spans }, index) => {
    const pid = index + 1;
    const sorted = [...spans].sort((left, right) => left.startUs - right.startUs || right.endUs - left.endUs);
    const lanes = [...new Set(sorted.map((span) => span.lane))];
    return [
      { ph: "M", name: "process_name", pid, args: { name } },
      ...lanes.map((lane, tid) => ({ ph: "M", name: "thread_name", pid, tid: tid + 1, args: { name: lane } })),
      ...sorted.map((span) => ({
        ph: "X",
        name: span.name,
        cat: name,
        pid,
        tid: lanes.indexOf(span.lane) + 1,
        ts: round(span.startUs - startUs),
        dur: round(span.endUs - span.startUs),
      })),
    ];
  });
  return `{"displayTimeUnit":"ms","traceEvents":[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n]}\n`;
}

function round(us: number): number {
  return Math.round(us * 10) / 10;
}
