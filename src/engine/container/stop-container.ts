import { constants } from "node:os";
import { GantryError } from "../../errors/gantry-error.ts";
import { sendSignal as signalProcess } from "../../supervise/process-identity.ts";
import type { WaitResult } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";
import { type ContainerRecord, isRunning } from "./container-record.ts";
import { parseSignal } from "./container-signal.ts";

const { SIGKILL } = constants.signals;
const DEFAULT_STOP_TIMEOUT_SECONDS = 10;
/** How long the kernel is given to end what was killed. */
const KILL_TIMEOUT_MS = 20_000;

export interface StopOptions {
  /** Negative: wait for ever. Default: the container's own, else 10. */
  readonly timeoutSeconds?: number;
  readonly signal?: string;
}

/** Asks the program to end, waits, and kills it. Resolves when its end is recorded. */
export async function stopContainer(
  context: EngineContext,
  name: string,
  options: StopOptions = {},
): Promise<"stopped" | "already-stopped"> {
  const record = context.records.resolve(name);
  const signal = parseSignal(options.signal || record.effective.stopSignal);
  const seconds = options.timeoutSeconds ?? record.config.stopTimeoutSeconds ?? DEFAULT_STOP_TIMEOUT_SECONDS;
  const exit = await sendSignal(context, record.id, signal, { isEnd: true });
  if (exit === undefined) return "already-stopped";
  if (!(await endsWithin(exit, seconds < 0 ? undefined : seconds * 1000))) await killAndWait(context, record.id);
  context.records.tell(context.event(record, "stop"));
  return "stopped";
}

/**
 * Sends a signal. SIGKILL resolves when the end is recorded.
 *
 * @throws `conflict` if it does not run.
 */
export async function killContainer(
  context: EngineContext,
  name: string,
  options: { readonly signal?: string } = {},
): Promise<void> {
  const record = context.records.resolve(name);
  const signal = parseSignal(options.signal || "SIGKILL");
  const exit = await sendSignal(context, record.id, signal, { isEnd: signal === SIGKILL });
  if (exit === undefined) {
    throw new GantryError("conflict", `Cannot kill container: ${name}: Container ${record.id} is not running`);
  }
  if (signal === SIGKILL) await endsWithin(exit, KILL_TIMEOUT_MS);
}

/** Kills a container, and everything in its cgroup should that not be enough. Resolves when its end is recorded. */
export async function killAndWait(context: EngineContext, id: string): Promise<void> {
  const exit = await sendSignal(context, id, SIGKILL, { isEnd: true });
  if (exit === undefined || (await endsWithin(exit, KILL_TIMEOUT_MS / 2))) return;
  await context.cgroup(id).kill();
  if (!(await endsWithin(exit, KILL_TIMEOUT_MS))) {
    throw new GantryError("unavailable", `container ${id} was killed and has not ended`, {
      hint: "a process may be stuck in the kernel; see the host's log",
    });
  }
}

/**
 * Signals the container's first process, under its lock: a start that is under way comes first.
 *
 * @param options.isEnd the signal means the container's end: a paused one is thawed, to be able to take it.
 * @returns the container's end, registered before the signal; undefined if it does not run.
 */
async function sendSignal(
  context: EngineContext,
  id: string,
  signal: number,
  options: { readonly isEnd: boolean },
): Promise<Promise<WaitResult>[] | undefined> {
  return await context.locks.run(id, async () => {
    const record = context.records.get(id);
    const init = record?.run?.init;
    if (record === undefined || init === undefined || !isRunning(record)) return undefined;
    const exit = context.live(id).nextExit();
    signalProcess(init, signal, context.parts.bootId);
    context.records.tell(context.event(record, "kill", { signal: String(signal) }));
    if (options.isEnd && record.state.status === "paused") await thaw(context, record);
    // In a list: an awaited promise in a promise would be waited for here, with the lock held.
    return [exit];
  });
}

async function thaw(context: EngineContext, record: ContainerRecord): Promise<void> {
  await context.cgroup(record.id).thaw();
  context.records.update({ ...record, state: { ...record.state, status: "running" } }, [
    context.event(record, "unpause"),
  ]);
}

async function endsWithin(exit: readonly Promise<WaitResult>[], milliseconds: number | undefined): Promise<boolean> {
  const [ended] = exit;
  if (ended === undefined) return true;
  if (milliseconds === undefined) {
    await ended;
    return true;
  }
  const limit = Promise.withResolvers<false>();
  const timer = setTimeout(() => limit.resolve(false), milliseconds);
  const result = await Promise.race([ended.then(() => true), limit.promise]);
  clearTimeout(timer);
  return result;
}
