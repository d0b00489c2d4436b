import { closeSync, openSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatChromeTrace } from "../trace/format-chrome-trace.ts";
import { type Span, TraceRecorder } from "../trace/trace.ts";
import type { CommandContext } from "./command.ts";

/** What is waited for the daemon's part of a trace at most. */
const TAKE_TIMEOUT_MS = 5000;

/**
 * Runs a command and writes to a file what time it took for what, here and in the daemon (Chrome's trace format). The file is
 * opened first, so that what cannot be written is said before anything is done. The command's outcome is not touched.
 *
 * @param body the command, in a context whose calls are noted.
 */
export async function traceCommand(
  context: CommandContext,
  path: string,
  body: (context: CommandContext) => Promise<number>,
): Promise<number> {
  const { terminal } = context;
  const file = openTraceFile(resolve(terminal.workingDirectory, path));
  const { nowUs, beganUs } = await terminal.monotonic();
  const recorder = new TraceRecorder(nowUs);
  const trace = recorder.lane("command");
  trace.add("load the program, read the flags", beganUs, nowUs());
  const name = `${Math.trunc(beganUs).toString(36)}-${Math.trunc(terminal.now()).toString(36)}`;
  const connect: CommandContext["connect"] = (more) => context.connect({ ...more, trace: { name, trace } });
  try {
    return await body({ ...context, connect });
  } finally {
    trace.add(`gantry ${context.path}`, beganUs, nowUs());
    const ofDaemon = await takeSpans(connect, name);
    const processes = [
      { name: `gantry ${context.path}`, spans: recorder.spans },
      ...(ofDaemon.length === 0 ? [] : [{ name: "daemon", spans: ofDaemon }]),
    ];
    writeFileSync(file, formatChromeTrace(processes));
    closeSync(file);
  }
}

function openTraceFile(path: string): number {
  try {
    return openSync(path, "w", 0o644);
  } catch (error) {
    throw new Error(`cannot write the trace to ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** None from a daemon that is gone, or is not Gantry's. */
async function takeSpans(connect: CommandContext["connect"], name: string): Promise<readonly Span[]> {
  try {
    return await (await connect()).takeTrace(name, { signal: AbortSignal.timeout(TAKE_TIMEOUT_MS) });
  } catch {
    return [];
  }
}
