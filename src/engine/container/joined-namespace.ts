import { closeSync, openSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { isAlive } from "../../supervise/process-identity.ts";
import type { EngineContext } from "../engine-context.ts";
import { type ContainerRecord, isRunning } from "./container-record.ts";

/** A namespace of another container, held open until the joining container has it. */
export interface JoinedNamespace extends Disposable {
  readonly partner: ContainerRecord;
  /** Leads to the namespace, whatever becomes of the partner in the meantime. */
  readonly path: string;
}

/**
 * Opens a namespace of a running container. The path that is given names the open descriptor and not the partner's pid: that
 * number may be another's by the time it is used.
 *
 * @throws `conflict` if the partner does not run, `not-found` if there is none.
 */
export function openNamespace(context: EngineContext, name: string, type: "net" | "pid" | "ipc"): JoinedNamespace {
  const partner = context.records.resolve(name);
  const init = partner.run?.init;
  const refusal = new GantryError(
    "conflict",
    `cannot join ${type === "net" ? "network" : type.toUpperCase()} of a non running container: ${partner.id}`,
    { hint: `start ${partner.name} first` },
  );
  if (!isRunning(partner) || init === undefined) throw refusal;
  let descriptor: number;
  try {
    descriptor = openSync(`/proc/${init.pid}/ns/${type}`, "r");
  } catch {
    throw refusal;
  }
  if (!isAlive(init, context.parts.bootId)) {
    closeSync(descriptor);
    throw refusal;
  }
  return { partner, path: `/proc/${process.pid}/fd/${descriptor}`, [Symbol.dispose]: () => closeSync(descriptor) };
}
