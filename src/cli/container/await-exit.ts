import type { EngineApi } from "../../api/engine-api.ts";
import type { Terminal } from "../terminal.ts";

const WAIT_FAILED_STATUS = 125;

/** A container's end that we are registered for. */
export interface AwaitedExit {
  /** What our process is to end with. A wait that failed is told on stderr, and is 125. */
  status(): Promise<number>;
  /** Resolves when the wait is over, however. */
  readonly settled: Promise<void>;
}

/**
 * Registers for the end of a container: no exit after that is missed.
 *
 * @param options `isRemoved`: wait until the container is gone as well.
 */
export async function awaitExit(
  api: EngineApi,
  id: string,
  options: { readonly terminal: Terminal; readonly isRemoved: boolean },
): Promise<AwaitedExit> {
  const { result } = await api.waitContainer(id, { condition: options.isRemoved ? "removed" : "next-exit" });
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
    settled: result.then(
      () => {},
      () => {},
    ),
  };
}
