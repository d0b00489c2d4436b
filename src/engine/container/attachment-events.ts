import type { EngineEvent } from "../dependencies.ts";
import type { EngineContext } from "../engine-context.ts";
import type { ContainerRecord } from "./container-record.ts";
import { parseNetworkMode } from "./namespace-mode.ts";

/** What is told of a network and of volumes when a container begins to use them, in Docker's order. */
export function attachEvents(context: EngineContext, record: ContainerRecord): EngineEvent[] {
  return [...networkEvents(context, record, "connect"), ...volumeEvents(context, record, "mount")];
}

/** The same when its processes have ended. */
export function detachEvents(context: EngineContext, record: ContainerRecord): EngineEvent[] {
  return [...networkEvents(context, record, "disconnect"), ...volumeEvents(context, record, "unmount")];
}

/** None where another container's network is borrowed. */
function networkEvents(
  { parts }: EngineContext,
  record: ContainerRecord,
  action: "connect" | "disconnect",
): EngineEvent[] {
  const mode = parseNetworkMode(record.network?.mode);
  if (mode.kind === "container") return [];
  const { id, driver } = parts.network.inspect(mode.name);
  const attributes = { container: record.id, name: mode.name, type: driver };
  return [{ type: "network", action, actorId: id, attributes, timeNs: parts.clock.nowNs() }];
}

function volumeEvents({ parts }: EngineContext, record: ContainerRecord, action: "mount" | "unmount"): EngineEvent[] {
  return record.mounts.flatMap(({ name, target, readOnly, propagation }) => {
    if (name === undefined) return [];
    const place = { destination: target, propagation, "read/write": String(!readOnly) };
    const attributes = { container: record.id, driver: "local", ...(action === "mount" ? place : {}) };
    return [{ type: "volume" as const, action, actorId: name, attributes, timeNs: parts.clock.nowNs() }];
  });
}
