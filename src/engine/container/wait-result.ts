import type { WaitResult } from "../engine.ts";
import type { ContainerState } from "./container.ts";

/** What the state of a container says whose monitor was killed: its exit code is then a fact like any other. */
export const MONITOR_LOST = "monitor lost: it was killed, so that nobody knows how the container ended";

/** The answer to a wait for a container that has ended, or could not be started. */
export function waitResultOf({ exitCode, error }: ContainerState): WaitResult {
  return error === "" || error === MONITOR_LOST ? { exitCode } : { exitCode, error };
}
