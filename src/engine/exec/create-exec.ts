import { GantryError } from "../../errors/gantry-error.ts";
import type { ContainerId } from "../container/container.ts";
import type { ContainerRecord } from "../container/container-record.ts";
import type { Exec, ExecConfig } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";
import type { LiveExec } from "./live-exec.ts";

const MAX_REMEMBERED = 4096;

/** @throws `conflict` unless the container runs and is not paused. */
export function requireRunning(record: ContainerRecord, what: string): void {
  if (record.state.status === "paused") {
    throw new GantryError("conflict", `Container ${record.name} is paused, unpause the container before ${what}`);
  }
  if (record.state.status !== "running") throw new GantryError("conflict", `container ${record.id} is not running`);
}

/** Remembers a process to be run; nothing runs yet. */
export async function createExec(context: EngineContext, name: string, config: ExecConfig): Promise<Exec> {
  const record = context.records.resolve(name);
  requireRunning(record, "exec");
  if (config.command.length === 0 || config.command[0] === "") {
    throw new GantryError("invalid-argument", "No exec command specified");
  }
  const { workingDirectory } = config;
  if (workingDirectory && !workingDirectory.startsWith("/")) {
    throw new GantryError("invalid-argument", `the working directory '${workingDirectory}' is not an absolute path`);
  }
  const texts = [...config.command, ...(config.env ?? []), workingDirectory, config.user];
  if (texts.some((text) => text?.includes("\0") === true)) {
    throw new GantryError("invalid-argument", "arguments, environment, folder and user cannot hold NUL bytes");
  }
  const exec: LiveExec = {
    id: Buffer.from(context.parts.randomBytes(32)).toString("hex"),
    containerId: record.id,
    config,
    isStarted: false,
    isRunning: false,
    exitCode: undefined,
    pid: 0,
    monitor: undefined,
  };
  forgetOldest(context);
  context.execs.set(exec.id, exec);
  context.records.tell(context.event(record, `exec_create: ${config.command.join(" ")}`, { execID: exec.id }));
  return describeExec(exec);
}

/** Those that have ended are remembered for a while, for whoever asks how; not for ever. */
function forgetOldest(context: EngineContext): void {
  if (context.execs.size < MAX_REMEMBERED) return;
  for (const [id, exec] of context.execs) {
    if (exec.isRunning) continue;
    context.execs.delete(id);
    return;
  }
}

/** @throws `not-found` */
export function requireExec(context: EngineContext, id: string): LiveExec {
  const exec = context.execs.get(id);
  if (exec === undefined) throw new GantryError("not-found", `No such exec instance: ${id}`);
  return exec;
}

export function describeExec(exec: LiveExec): Exec {
  return {
    id: exec.id,
    containerId: exec.containerId as ContainerId,
    config: exec.config,
    running: exec.isRunning,
    ...(exec.exitCode === undefined ? {} : { exitCode: exec.exitCode }),
    pid: exec.pid,
  };
}
