import { readLog } from "../../supervise/index.ts";
import { isRunning } from "../container/container-record.ts";
import type { LogRecord, LogsOptions } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";

/**
 * What a container printed, in order; with `follow` on to its end.
 *
 * @throws `not-found` at once, not at the first record.
 */
export function readContainerLog(context: EngineContext, name: string, options: LogsOptions): AsyncIterable<LogRecord> {
  const { id } = context.records.resolve(name);
  return readRecords(context, id, options);
}

async function* readRecords(context: EngineContext, id: string, options: LogsOptions): AsyncGenerator<LogRecord> {
  const { sinceNs, untilNs, tail, signal } = options;
  const record = context.records.get(id);
  const follow = options.follow === true && record !== undefined && isRunning(record);
  const done = new AbortController();
  try {
    yield* readLog(context.paths.files(id).log, {
      follow,
      ...(follow ? { ended: context.live(id).nextExit(done.signal) } : {}),
      streams: (["stdout", "stderr"] as const).filter((stream) => options[stream]),
      ...(sinceNs === undefined ? {} : { sinceNs }),
      ...(untilNs === undefined ? {} : { untilNs }),
      ...(tail === undefined ? {} : { tail }),
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    done.abort();
  }
}
