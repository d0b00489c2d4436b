import { mkdirSync } from "node:fs";
import { GantryError } from "../errors/gantry-error.ts";
import { folderSizeBytes } from "./container/container-size.ts";
import { createContainer } from "./container/create-container.ts";
import { pauseContainer, unpauseContainer } from "./container/pause-container.ts";
import { recoverContainers } from "./container/recover-containers.ts";
import { removeContainer, volumeUsers } from "./container/remove-container.ts";
import { renameContainer } from "./container/rename-container.ts";
import { restartContainer } from "./container/restart-container.ts";
import { ROOT_LINKS } from "./container/root-links.ts";
import { startContainer } from "./container/start-container.ts";
import { killContainer, stopContainer } from "./container/stop-container.ts";
import { updateContainer } from "./container/update-container.ts";
import { waitForContainer } from "./container/wait-container.ts";
import type { Engine } from "./engine.ts";
import { EngineContext } from "./engine-context.ts";
import type { EngineOptions } from "./engine-options.ts";
import { createExec, describeExec, requireExec } from "./exec/create-exec.ts";
import { startExec } from "./exec/start-exec.ts";
import { findLogPosition, readContainerLog } from "./logs/read-container-log.ts";
import { containerStats } from "./stats/container-stats.ts";
import { processTable } from "./stats/process-table.ts";
import { attachContainer } from "./stdio/attach-container.ts";

/** An engine on this host: what fronts use, and what the rooms beside it have to ask. */
export interface LocalEngine extends Engine {
  /** Chains of layers that containers stand on: a sweep of snapshots must leave them. */
  snapshotsInUse(): ReadonlySet<string>;
  /** Ids of the containers that have a volume, running or not. */
  volumeUsers(volume: string): readonly string[];
}

/**
 * Puts an engine together. Call `recover` before anything else.
 *
 * Every method may be called at any time, in any number: operations on one container wait for each other, none waits for a
 * container's end while it holds others up.
 */
export function createEngine(options: EngineOptions): LocalEngine {
  const context = new EngineContext(options);
  mkdirSync(context.paths.containers, { recursive: true, mode: 0o710 });
  mkdirSync(context.paths.sockets, { recursive: true, mode: 0o700 });
  mkdirSync(context.paths.shm, { recursive: true, mode: 0o700 });
  return {
    create: (config, more) => createContainer(context, config, more),
    start: (name, more) => startContainer(context, name, more),
    joinGathering: (name, gathering) => context.live(context.records.resolve(name).id).gathering.join(gathering),
    stop: (name, more) => stopContainer(context, name, more),
    restart: (name, more) => restartContainer(context, name, more),
    kill: (name, more) => killContainer(context, name, more),
    pause: (name) => pauseContainer(context, name),
    unpause: (name) => unpauseContainer(context, name),
    rename: (name, newName) => renameContainer(context, name, newName),
    update: (name, change) => updateContainer(context, name, change),
    remove: (name, more = {}) => removeContainer(context, name, more),
    inspect: (name) => context.containerOf(context.records.resolve(name)),
    list: () => context.records.list().map((record) => context.containerOf(record)),
    async size(name) {
      const record = context.records.resolve(name);
      const writtenBytes = await folderSizeBytes(context.paths.upper(record.id), {
        withoutLinks: ROOT_LINKS.map(([path]) => path),
      });
      let totalBytes = writtenBytes;
      for (const layer of record.snapshot.lower) totalBytes += await folderSizeBytes(layer);
      return { writtenBytes, totalBytes };
    },
    wait: (name, more) => waitForContainer(context, name, more),
    attach: (name, more) => attachContainer(context, name, more),
    async resize(name, size) {
      const record = context.records.resolve(name);
      const monitor = context.live(record.id).process?.monitor;
      if (monitor === undefined) throw new GantryError("conflict", `Container ${record.id} is not running`);
      await monitor.resize(size);
      const attributes = { height: String(size.height), width: String(size.width) };
      context.records.tell(context.event(record, "resize", attributes));
    },
    logs: (name, more) => readContainerLog(context, name, more),
    logPosition: (name, more) => findLogPosition(context, name, more),
    async top(name, psArguments) {
      const record = context.records.resolve(name);
      if (record.state.status !== "running" && record.state.status !== "paused") {
        throw new GantryError("conflict", `container ${record.id} is not running`);
      }
      return processTable(context.cgroup(record.id).pids(), {
        nowMs: Number(options.clock.nowNs() / 1_000_000n),
        memoryBytes: options.host.memoryBytes,
        ...(psArguments === undefined ? {} : { psArguments }),
      });
    },
    stats: (name, more = {}) => containerStats(context, context.records.resolve(name).id, more),
    createExec: (name, config) => createExec(context, name, config),
    startExec: (id, more) => startExec(context, id, more),
    async resizeExec(id, size) {
      const { monitor } = requireExec(context, id);
      if (monitor === undefined) throw new GantryError("conflict", `exec ${id} is not running`);
      await monitor.resize(size);
    },
    inspectExec: (id) => describeExec(requireExec(context, id)),
    recover: () => recoverContainers(context),
    async close() {
      context.isClosed = true;
      context.disconnectAll();
      options.cgroups.tidy();
    },
    snapshotsInUse: () => new Set(context.records.list().map((record) => record.snapshot.chainId)),
    volumeUsers: (volume) => volumeUsers(context, volume),
  };
}
