import { existsSync, readdirSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { EngineMonitor, ExitRecord } from "../dependencies.ts";
import type { EngineContext } from "../engine-context.ts";
import { keepLog, sweepKeptLogs } from "../logs/kept-logs.ts";
import { attachEvents } from "./attachment-events.ts";
import { networkOf } from "./container-network.ts";
import { type ContainerRecord, isRunning } from "./container-record.ts";
import { endLocked, watchContainer } from "./end-container.ts";
import { removeLocked } from "./remove-container.ts";
import { unmountSharedMemory } from "./shared-memory.ts";

/** Docker's exit code of a container that was running when the machine went down. */
const LOST_WITH_THE_HOST = 255;

/**
 * Takes up what a daemon before this one left: what still runs is watched again, what has ended is recorded, and what is
 * listed on the host under our names but not known is removed.
 */
export async function recoverContainers(context: EngineContext): Promise<void> {
  const { parts } = context;
  const taken: TakenUp[] = [];
  await Promise.all(
    context.records
      .list()
      .filter((record) => record.run !== undefined || isRunning(record))
      .map((record) =>
        context.locks
          .run(record.id, async () => taken.push(...(await recoverRun(context, record))))
          .catch(context.warnOf(`cannot take up container ${record.name}`)),
      ),
  );
  await parts.network.recover(
    context.records
      .list()
      .filter(isRunning)
      .map((record) => ({ containerId: record.id, pid: record.state.pid })),
  );
  // Only now: an end that came in between would take away the network that is just being restored.
  for (const { id, monitor } of taken) watchContainer(context, id, monitor);
  for (const record of context.records.list()) {
    if (!isLeftover(context, record)) continue;
    await context.locks
      .run(record.id, () => removeLocked(context, record.id, { volumes: true }))
      .catch(context.warnOf(`cannot remove container ${record.name}`));
  }
  await removeUnknown(context);
}

/** What removes itself and has ended, or was created before the machine went down: whoever wanted to start it is gone. */
function isLeftover(context: EngineContext, record: ContainerRecord): boolean {
  if (record.config.autoRemove !== true || isRunning(record)) return false;
  return record.state.status !== "created" || record.createdInBoot !== context.parts.bootId;
}

/** A container that runs on, with its monitor. */
interface TakenUp {
  readonly id: string;
  readonly monitor: EngineMonitor;
}

/** What runs on: one or none. */
async function recoverRun(context: EngineContext, record: ContainerRecord): Promise<readonly TakenUp[]> {
  const { parts, paths } = context;
  const { id, run } = record;
  context.live(id).wasTakenUp = true;
  if (run === undefined || run.bootId !== parts.bootId) {
    if (!isRunning(record)) {
      await undoLaunch(context, record);
      return [];
    }
    await endLocked(context, id, {
      exitCode: LOST_WITH_THE_HOST,
      oomKilled: false,
      finishedAtNs: parts.clock.nowNs(),
    });
    return [];
  }
  const found = await parts.supervisor.recover({
    socketPath: paths.socket(id),
    exitPath: paths.exitRecord(id),
    ...(run.init === undefined ? {} : { init: run.init }),
    ...(run.monitor === undefined ? {} : { monitor: run.monitor }),
  });
  if (!isMonitor(found)) {
    await recordEnd(context, record, found);
    return [];
  }
  if (!isRunning(record) && !(await hasStarted(found))) {
    await undoLaunch(context, record);
    return [];
  }
  const cgroup = context.cgroup(id);
  if (record.state.status === "running") await cgroup.thaw();
  if (!isRunning(record)) {
    const { init, monitor } = found;
    context.records.update(
      {
        ...record,
        state: {
          status: "running",
          pid: init.pid,
          exitCode: 0,
          oomKilled: false,
          error: "",
          startedAtNs: parts.clock.nowNs(),
        },
        network: networkOf(context, record, parts.network.endpoint(id)),
        run: { bootId: parts.bootId, init, monitor },
      },
      [...attachEvents(context, record), context.event(record, "start")],
    );
  }
  context.live(id).hasProcess(found, cgroup);
  return [{ id, monitor: found }];
}

function isMonitor(found: EngineMonitor | ExitRecord): found is EngineMonitor {
  return "exited" in found;
}

/** A launch that a dying daemon did not finish is given up, unless its program was already let go. */
async function hasStarted(monitor: EngineMonitor): Promise<boolean> {
  try {
    await monitor.abandon();
    return false;
  } catch (error) {
    if (isGantryError(error, "conflict")) return true;
    throw error;
  }
}

async function recordEnd(context: EngineContext, record: ContainerRecord, exit: ExitRecord): Promise<void> {
  const neverRan = !isRunning(record) && (exit.failure !== undefined || exit.monitorLost === true);
  if (neverRan) {
    await undoLaunch(context, record);
    return;
  }
  await endLocked(context, record.id, exit);
}

async function undoLaunch(context: EngineContext, record: ContainerRecord): Promise<void> {
  const cgroup = context.cgroup(record.id);
  await cgroup.kill();
  await cgroup.remove();
  await context.parts.network.release(record.id);
  unmountSharedMemory(context.paths.shared(record.id));
  const { run: _run, ...rest } = record;
  context.records.update({ ...rest, state: { ...record.state, pid: 0 } }, []);
}

/** What is listed minus what is known. */
async function removeUnknown(context: EngineContext): Promise<void> {
  const { paths, parts } = context;
  const running = context.records.list().filter(isRunning);
  const runningIds = new Set<string>(running.map((record) => record.id));
  for (const id of parts.cgroups.list().filter((one) => !runningIds.has(one))) {
    try {
      const cgroup = parts.cgroups.open(id);
      await cgroup.kill();
      await cgroup.remove();
    } catch (error) {
      context.warnOf(`cannot remove the cgroup of ${id.slice(0, 12)}`)(error);
    }
  }
  for (const name of namesIn(paths.containers)) {
    if (context.records.get(name) !== undefined) continue;
    if (context.exits.recall(name)?.hasLog === true) keepLog(context, name);
    await rm(join(paths.containers, name), { recursive: true, force: true });
  }
  await sweepKeptLogs(context);
  const sockets = new Set(running.map((record) => `${record.id.slice(0, 12)}.sock`));
  for (const name of namesIn(paths.sockets)) {
    const path = join(paths.sockets, name);
    // Execs in running containers go on: their monitors remove their sockets.
    if (!sockets.has(name) && !(name.startsWith("x") && (await parts.supervisor.listens(path))))
      rmSync(path, { force: true });
  }
  for (const { id } of running) removeEndedExecs(context, id);
  const shared = new Set(running.map((record) => record.id.slice(0, 12)));
  for (const name of namesIn(paths.shm)) if (!shared.has(name)) unmountSharedMemory(join(paths.shm, name));
}

/** Nobody asks any more how execs ended whose daemon was killed. */
function removeEndedExecs(context: EngineContext, id: string): void {
  const folder = dirname(context.paths.execExitRecord(id, ""));
  for (const name of namesIn(folder)) {
    const [execId = ""] = name.split(".");
    if (!existsSync(context.paths.execSocket(execId))) rmSync(join(folder, name), { force: true });
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
