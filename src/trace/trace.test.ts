import { describe, expect, test } from "bun:test";
import { formatChromeTrace } from "./format-chrome-trace.ts";
import { NO_TRACE, TraceRecorder } from "./trace.ts";
import { TraceStore } from "./trace-store.ts";

/** A clock that goes on by ten microseconds each time it is read. */
function clock(): () => number {
  let now = 0;
  return () => (now += 10);
}

describe("a trace", () => {
  test("notes spans by lane, in the order of their ends", () => {
    const recorder = new TraceRecorder(clock());
    const trace = recorder.lane("start");
    {
      using _outer = trace.span("outer");
      using _inner = trace.span("inner");
    }
    trace.lane("helper").add("assembled", 1, 5);
    trace.add("unknown", undefined, 5);
    expect(recorder.spans).toEqual([
      { name: "inner", startUs: 20, endUs: 30, lane: "start" },
      { name: "outer", startUs: 10, endUs: 40, lane: "start" },
      { name: "assembled", startUs: 1, endUs: 5, lane: "helper" },
    ]);
  });

  test("has a bound", () => {
    const recorder = new TraceRecorder(clock());
    for (let count = 0; count < 10_100; count++) recorder.lane("x").add("y", 0, 1);
    expect(recorder.spans.length).toBe(10_000);
  });
});

describe("a store of traces", () => {
  test("gives each its own, once", () => {
    const store = new TraceStore(clock());
    store.open("one", "a").add("x", 0, 1);
    store.open("one", "b").add("y", 1, 2);
    expect(store.take("one").map(({ name, lane }) => [name, lane])).toEqual([
      ["x", "a"],
      ["y", "b"],
    ]);
    expect(store.take("one")).toEqual([]);
    expect(store.open(undefined, "a")).toBe(NO_TRACE);
  });

  test("keeps the last sixteen", () => {
    const store = new TraceStore(clock());
    for (let index = 0; index < 17; index++) store.open(`trace ${index}`, "a").add("x", 0, 1);
    expect([store.take("trace 0").length, store.take("trace 1").length]).toEqual([0, 1]);
  });
});

test("Chrome's format: processes, lanes as threads, times from the first span on", () => {
  const text = formatChromeTrace([
    { name: "gantry run", spans: [{ name: "all", startUs: 1000.04, endUs: 4000, lane: "command" }] },
    {
      name: "daemon",
      spans: [
        { name: "late", startUs: 3000, endUs: 3500, lane: "start" },
        { name: "early", startUs: 2000, endUs: 3900, lane: "start" },
      ],
    },
  ]);
  expect(JSON.parse(text)).toEqual({
    displayTimeUnit: "ms",
    traceEvents: [
      { ph: "M", name: "process_name", pid: 1, args: { name: "gantry run" } },
      { ph: "M", name: "thread_name", pid: 1, tid: 1, args: { name: "command" } },
      { ph: "X", name: "all", cat: "gantry run", pid: 1, tid: 1, ts: 0, dur: 3000 },
      { ph: "M", name: "process_name", pid: 2, args: { name: "daemon" } },
      { ph: "M", name: "thread_name", pid: 2, tid: 1, args: { name: "start" } },
      { ph: "X", name: "early", cat: "daemon", pid: 2, tid: 1, ts: 1000, dur: 1900 },
      { ph: "X", name: "late", cat: "daemon", pid: 2, tid: 1, ts: 2000, dur: 500 },
    ],
  });
});
