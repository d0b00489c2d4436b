import type { EngineContext } from "../engine-context.ts";
import { startContainer } from "./start-container.ts";
import { type StopOptions, stopContainer } from "./stop-container.ts";

/** Stops it if it runs, and starts it, which does not count as its end for `--rm`. */
export async function restartContainer(context: EngineContext, name: string, options: StopOptions = {}): Promise<void> {
  const record = context.records.resolve(name);
  const live = context.live(record.id);
  live.isRestarting = true;
  try {
    await stopContainer(context, record.id, options);
    await startContainer(context, record.id);
    context.records.tell(context.event(record, "restart"));
  } finally {
    live.isRestarting = false;
  }
}
