import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EXIT_KEPT_MS } from "../container/exit-memory.ts";
import type { EngineContext } from "../engine-context.ts";

/**
 * Sets the log of a container that is removed aside, if somebody may still be reading it: a client that follows, or one that
 * lost its daemon and has not come back yet. Idempotent.
 */
export function keepLog(context: EngineContext, id: string): void {
  const kept = context.paths.keptLog(id);
  const { log } = context.paths.files(id);
  if (!existsSync(log)) return;
  mkdirSync(dirname(kept), { recursive: true, mode: 0o710 });
  renameSync(log, kept);
  const sweep = (): void => {
    if (!context.isClosed) sweepKeptLogs(context).catch(context.warnOf("cannot remove old logs"));
  };
  setTimeout(sweep, EXIT_KEPT_MS).unref();
}

/** Where the log of a container is now, removed or not. */
export function logFolder(context: EngineContext, id: string): string {
  return context.records.get(id) === undefined && existsSync(context.paths.keptLog(id))
    ? context.paths.keptLog(id)
    : context.paths.files(id).log;
}

/** Removes the logs whose containers' ends are forgotten by now. */
export async function sweepKeptLogs(context: EngineContext): Promise<void> {
  context.exits.prune();
  for (const id of namesIn(context.paths.keptLogs)) {
    if (context.exits.recall(id)?.hasLog !== true)
      await rm(join(context.paths.keptLogs, id), { recursive: true, force: true });
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
