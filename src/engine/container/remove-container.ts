import { rm } from "node:fs/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import type { EngineContext } from "../engine-context.ts";
import { keepLog } from "../logs/kept-logs.ts";
import { type ContainerRecord, holderOf, isRunning } from "./container-record.ts";
import { killAndWait } from "./stop-container.ts";

/**
 * Removes a container and all its files; a running one only with `force`.
 *
 * @throws `conflict` if it runs, or if somebody else is removing it.
 */
export async function removeContainer(
  context: EngineContext,
  name: string,
  options: { readonly force?: boolean; readonly volumes?: boolean },
): Promise<void> {
  const { id } = context.records.resolve(name);
  const live = context.live(id);
  if (live.isBeingRemoved) {
    throw new GantryError("conflict", `removal of container ${name} is already in progress`);
  }
  live.isBeingRemoved = true;
  try {
    for (;;) {
      const isGone = await context.locks.run(id, async () => {
        const record = context.records.require(id);
        if (isRunning(record)) {
          if (options.force === true) return false;
          const how = record.state.status === "paused" ? "unpause and stop" : "stop";
          throw new GantryError(
            "conflict",
            `cannot remove container "/${record.name}": container is ${record.state.status}: ${how} the container before removing or force remove`,
          );
        }
        await removeLocked(context, id, { volumes: options.volumes === true });
        return true;
      });
      if (isGone) return;
      await killAndWait(context, id);
    }
  } catch (error) {
    live.isBeingRemoved = false;
    throw error;
  }
}

/**
 * Removes a container that does not run. The caller has its lock. The row goes first: a folder without a row is swept by the
 * next daemon, a row without its folder would be a container that cannot run.
 */
export async function removeLocked(
  context: EngineContext,
  id: string,
  options: { readonly volumes: boolean },
): Promise<void> {
  const record = context.records.get(id);
  if (record === undefined) return;
  const live = context.live(id);
  live.isBeingRemoved = true;
  const keepsLog = live.hasReaders;
  // As Docker, without the reason of a start that failed: who started it was told, and clients take it for a failed wait.
  const { exitCode } = record.state;
  const { images, volumes } = context.parts;
  const doomed = options.volumes
    ? record.anonymousVolumes.filter((volume) => volumeUsers(context, volume).every((user) => user === id))
    : [];
  context.records.delete(id, [context.event(record, "destroy")], () => {
    images.release(holderOf(id));
    volumes.doom(doomed);
    if (hasRun(record))
      context.exits.remember(id, { exitCode, hasLog: keepsLog, isTerminal: record.config.tty === true });
  });
  try {
    if (keepsLog) keepLog(context, id);
    // Its files, which nobody can name any more, need not be waited for.
    if (doomed.length === 0) live.settleRemoval({ exitCode });
    await rm(context.paths.directory(id), { recursive: true, force: true });
    for (const name of doomed) await volumes.remove(name, { force: true, usedBy: volumeUsers(context, name) });
  } catch (error) {
    context.warnOf(`cannot remove all files of container ${record.name}`)(error);
  } finally {
    live.dropSessions();
    live.settleRemoval({ exitCode });
    context.forget(id);
  }
}

/** One that was only created has no end that anybody could wait for. */
function hasRun({ state }: ContainerRecord): boolean {
  return state.status !== "created" || state.error !== "";
}

/** Ids of the containers that have a volume mounted, running or not. */
export function volumeUsers(context: EngineContext, volume: string): readonly string[] {
  return context.records
    .list()
    .filter((record) => record.mounts.some((mount) => mount.type === "volume" && mount.name === volume))
    .map((record) => record.id);
}
