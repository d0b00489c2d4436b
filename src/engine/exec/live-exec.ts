import type { EngineMonitor } from "../dependencies.ts";
import type { ExecConfig } from "../engine.ts";

/** A process to be run in a container beside its own. Known to this daemon only; its exit record is a file. */
export interface LiveExec {
  readonly id: string;
  readonly containerId: string;
  readonly config: ExecConfig;
  isStarted: boolean;
  isRunning: boolean;
  exitCode: number | undefined;
  pid: number;
  monitor: EngineMonitor | undefined;
}
