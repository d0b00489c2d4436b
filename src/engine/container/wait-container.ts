import { GantryError } from "../../errors/gantry-error.ts";
import type { Engine, WaitCondition, WaitResult } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";
import { isRunning } from "./container-record.ts";
import { waitResultOf } from "./wait-result.ts";

/**
 * Waits for a container. Registered when this returns; the answer comes after the end of the output was delivered. One that
 * was removed within the last ten minutes is found by its whole id.
 */
export function waitForContainer(
  context: EngineContext,
  name: string,
  options: { readonly condition?: WaitCondition; readonly signal?: AbortSignal } = {},
): ReturnType<Engine["wait"]> {
  const gone = context.records.get(name) === undefined ? context.exits.recall(name) : undefined;
  if (gone !== undefined)
    return { registered: Promise.resolve(), result: Promise.resolve({ exitCode: gone.exitCode }) };
  const record = context.records.resolve(name);
  const live = context.live(record.id);
  const { condition = "not-running", signal } = options;
  const isOver = condition === "not-running" && !isRunning(record);
  const ended: Promise<WaitResult> = isOver
    ? Promise.resolve(waitResultOf(record.state))
    : condition === "removed"
      ? live.removal(signal)
      : live.nextExit(signal);
  const result = ended.then(async (value) => {
    await live.outputDelivered();
    return value;
  });
  return { registered: Promise.resolve(), result: signal === undefined ? result : unlessAborted(result, signal) };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new GantryError("cancelled", "the wait was given up"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}
