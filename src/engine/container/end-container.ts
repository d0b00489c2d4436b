import { setTimeout as delay } from "node:timers/promises";
import { inSpan } from "../../trace/trace.ts";
import type { EngineMonitor, ExitRecord } from "../dependencies.ts";
import type { EngineContext } from "../engine-context.ts";
import { detachEvents } from "./attachment-events.ts";
import { type ContainerRecord, isRunning } from "./container-record.ts";
import { removeLocked } from "./remove-container.ts";
import { unmountSharedMemory } from "./shared-memory.ts";
import { MONITOR_LOST } from "./wait-result.ts";

const RETRY_MS = 1000;

/** Sees to the end of a running container, once, when it comes. */
export function watchContainer(context: EngineContext, id: string, monitor: EngineMonitor): void {
  // A monitor that the daemon let go of says nothing more: whoever takes over hears it.
  monitor.exited
    .then((exit) => recordEnd(context, id, exit))
    .catch((error) => {
      if (!context.isClosed) context.warnOf(`lost the monitor of container ${id.slice(0, 12)}`)(error);
    });
}

/** Until it is recorded (a disk may be full for a while): callers wait for it, and must not wait for ever. */
async function recordEnd(context: EngineContext, id: string, exit: ExitRecord): Promise<void> {
  while (!context.isClosed) {
    try {
      await context.locks.run(id, () => endLocked(context, id, exit));
      return;
    } catch (error) {
      context.warnOf(`cannot record the end of container ${id.slice(0, 12)}, trying again`)(error);
      await delay(RETRY_MS);
    }
  }
}

/**
 * Records an end and gives back what the container held. The caller has its lock. What cannot be given back is told and does
 * not keep the end from being recorded: what is left over is found by listing at the next start of the daemon.
 */
export async function endLocked(context: EngineContext, id: string, exit: ExitRecord): Promise<void> {
  const record = context.records.get(id);
  if (record === undefined || (record.run === undefined && !isRunning(record))) return;
  const live = context.live(id);
  const trace = live.trace.lane("end");
  const { times } = live.process?.monitor ?? {};
  live.trace.lane("monitor").add("the program runs", times?.startedUs, times?.endedUs);
  const { oomKills } = await inSpan(trace, "give back cgroup and network", () => releaseHostParts(context, record));
  await execsEnded(context, id);
  const isOomKilled = exit.oomKilled || oomKills > 0;
  const { run: _run, ...rest } = record;
  const startedAtNs = record.state.startedAtNs ?? exit.finishedAtNs;
  const seconds = (exit.finishedAtNs - startedAtNs) / 1_000_000_000n;
  const ended: ContainerRecord = {
    ...rest,
    state: {
      ...record.state,
      status: "exited",
      pid: 0,
      exitCode: exit.exitCode,
      oomKilled: isOomKilled,
      finishedAtNs: exit.finishedAtNs,
      error: exit.monitorLost === true ? MONITOR_LOST : record.state.error,
    },
    network: record.network === undefined ? undefined : { mode: record.network.mode },
  };
  const events = [
    ...(isOomKilled ? [context.event(record, "oom")] : []),
    {
      ...context.event(record, "die", {
        exitCode: String(exit.exitCode),
        execDuration: String(seconds < 0n ? 0n : seconds),
      }),
      timeNs: exit.finishedAtNs,
    },
    ...(isRunning(record) ? detachEvents(context, record) : []),
  ];
  await inSpan(trace, "record the end", () => context.records.update(ended, events));
  live.hasNoProcess();
  const isRemoved = record.config.autoRemove === true && !live.isRestarting && !live.isBeingRemoved;
  // Marked before anybody hears of the end: nobody may start it again.
  if (isRemoved) live.isBeingRemoved = true;
  live.settleExit({ exitCode: exit.exitCode });
  if (!isRemoved) return;
  // Else the log would have to be kept for clients that are just taking the last of it.
  await live.outputDelivered();
  await inSpan(trace, "remove the container", () => removeLocked(context, id, { volumes: true }));
}

/** Takes from the host what a container that has ended still has there. */
async function releaseHostParts(
  context: EngineContext,
  record: ContainerRecord,
): Promise<{ readonly oomKills: number }> {
  const { id, name } = record;
  let oomKills = 0;
  const attempt = async (what: string, body: () => unknown): Promise<void> => {
    try {
      await body();
    } catch (error) {
      context.warnOf(`${what} of container ${name}`)(error);
    }
  };
  await Promise.all([
    attempt("cannot remove the cgroup", async () => {
      const cgroup = context.live(id).process?.cgroup ?? context.cgroup(id);
      oomKills = cgroup.oomKills();
      // The kernel has killed what was in the container's own pid namespace; in another's, some may be left.
      if (cgroup.tryRemove()) return;
      if (cgroup.pids().length > 0) await cgroup.kill();
      await cgroup.remove();
    }),
    attempt("cannot release the network", () => context.parts.network.release(id)),
    attempt("cannot unmount the shared memory", () => {
      if (record.config.namespaces?.ipc === "shareable") unmountSharedMemory(context.paths.shared(id));
    }),
  ]);
  return { oomKills };
}

/** Waits a moment for the execs, which ended with the container, to say so: then nobody sees one run in what has ended. */
async function execsEnded(context: EngineContext, id: string): Promise<void> {
  const ends = [...context.execs.values()]
    .filter((exec) => exec.containerId === id && exec.isRunning)
    .map((exec) => exec.monitor?.exited);
  if (ends.length > 0) await Promise.race([Promise.all(ends), delay(RETRY_MS)]);
}
