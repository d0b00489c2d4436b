import { readdirSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { findLogStart, type LogPosition, logNumbers, readLog } from "../../supervise/index.ts";
import { isRunning } from "../container/container-record.ts";
import type { ContainerLog, LogRecord, LogsOptions } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";
import { logFolder } from "./kept-logs.ts";

/** What a container printed; see `Engine.logs`. Fails at once, not at the first record. */
export async function readContainerLog(
  context: EngineContext,
  name: string,
  options: LogsOptions,
): Promise<ContainerLog> {
  const { id, isTerminal } = resolveLog(context, name);
  if (options.from !== undefined && isDropped(logFolder(context, id), options.from))
    throw new GantryError("data-loss", `the log of ${name} does not go back that far: its oldest files were dropped`);
  return { isTerminal, [Symbol.asyncIterator]: () => readRecords(context, id, options) };
}

/** Where the last lines begin; see `Engine.logPosition`. */
export async function findLogPosition(
  context: EngineContext,
  name: string,
  options: { readonly tail?: number },
): Promise<LogPosition> {
  return await findLogStart(logFolder(context, resolveLog(context, name).id), options);
}

function resolveLog(context: EngineContext, name: string): { readonly id: string; readonly isTerminal: boolean } {
  const gone = context.records.get(name) === undefined ? context.exits.recall(name) : undefined;
  if (gone?.hasLog === true) return { id: name, isTerminal: gone.isTerminal };
  const { id, config } = context.records.resolve(name);
  return { id, isTerminal: config.tty === true };
}

function isDropped(folder: string, from: LogPosition): boolean {
  const oldest = logNumbers(readdirSync(folder))[0];
  return oldest !== undefined && from.number < oldest;
}

async function* readRecords(context: EngineContext, id: string, options: LogsOptions): AsyncGenerator<LogRecord> {
  const { sinceNs, untilNs, tail, from, signal } = options;
  const record = context.records.get(id);
  const follow = options.follow === true && record !== undefined && isRunning(record);
  const done = new AbortController();
  using _follower = follow ? context.live(id).follow() : undefined;
  try {
    yield* readLog(() => logFolder(context, id), {
      follow,
      ...(follow ? { ended: context.live(id).nextExit(done.signal) } : {}),
      streams: (["stdout", "stderr"] as const).filter((stream) => options[stream]),
      ...(sinceNs === undefined ? {} : { sinceNs }),
      ...(untilNs === undefined ? {} : { untilNs }),
      ...(tail === undefined ? {} : { tail }),
      ...(from === undefined ? {} : { from }),
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    done.abort();
  }
}
