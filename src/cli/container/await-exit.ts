import type { EngineApi } from "../../api/engine-api.ts";
import { isDaemonGone } from "../across-restarts.ts";
import type { Terminal } from "../terminal.ts";

const WAIT_FAILED_STATUS = 125;

/** A container's end that we are registered for. */
export interface AwaitedExit {
  /** What our process is to end with. A wait that failed is told on stderr, and is 125. */
  status(): Promise<number>;
  /** Resolves when the wait is over: true if the daemon went away before it could tell. */
  readonly isLost: Promise<boolean>;
}

/**
 * Registers for the end of a container: no exit after that is missed.
 *
 * @param options `condition`: as in the API.
 */
export async function awaitExit(
  api: EngineApi,
  id: string,
  options: {
    readonly terminal: Terminal;
    readonly condition: "not-running" | "next-exit" | "removed";
    readonly gathering?: string;
  },
): Promise<AwaitedExit> {
  const { condition, gathering } = options;
  const { result } = await api.waitContainer(id, { condition, ...(gathering === undefined ? {} : { gathering }) });
  const fail = async (message: string): Promise<number> => {
    await options.terminal.stderr.write(`error waiting for container: ${message}\n`);
    return WAIT_FAILED_STATUS;
  };
  return {
    async status() {
      try {
        const { StatusCode, Error: error } = await result;
        return error?.Message ? await fail(error.Message) : StatusCode;
      } catch (error) {
        return fail(error instanceof Error ? error.message : String(error));
      }
    },
    isLost: result.then(() => false, isDaemonGone),
  };
}
