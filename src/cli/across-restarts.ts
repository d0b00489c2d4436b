import { ApiError } from "../api/api-error.ts";
import type { EngineApi } from "../api/engine-api.ts";
import { isGantryError } from "../errors/gantry-error.ts";
import type { CommandContext } from "./command.ts";

/** A daemon that breaks this many answers in a row is not restarted, it is broken. */
const ATTEMPTS = 20;

/** True if the daemon broke off: it was killed, or replaced. What it answered is something else, however bad. */
export function isDaemonGone(error: unknown): boolean {
  return !(error instanceof ApiError) && (isGantryError(error, "unavailable") || isGantryError(error, "data-loss"));
}

/**
 * The one rule for a daemon that goes away in the middle: wait until it is back (or start it), and ask again.
 *
 * @param attempt must bear being asked again. The first one asks a daemon that has answered before.
 */
export async function acrossRestarts<T>(
  context: Pick<CommandContext, "connect">,
  attempt: (api: EngineApi) => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt(await context.connect({ isAgain: count > 1 }));
    } catch (error) {
      if (!isDaemonGone(error) || count === ATTEMPTS) throw error;
    }
  }
}
