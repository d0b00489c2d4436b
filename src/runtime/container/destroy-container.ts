import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { type ContainerState, isAlive } from "./container-state.ts";
import { removeIntelRdt } from "./intel-rdt.ts";
import type { OpenContainer } from "./open-container.ts";
import { hookInput, runHook } from "./run-hooks.ts";
import { sendSignal } from "./send-signal.ts";
import { removeStateFolder } from "./state-folder.ts";

const SIGKILL = 9;

/** Kills init, if it lives. What shares its pid namespace dies with it. */
export function killInit(state: ContainerState): void {
  if (state.init === undefined || !isAlive(state, state.init)) return;
  const failure = sendSignal(state.init, SIGKILL);
  if (failure !== 0 && failure !== ERRNO.ESRCH)
    throw new GantryError("permission-denied", `cannot kill init of "${state.id}": ${describeErrno(failure)}`);
}

/**
 * Takes away all that a container has: its processes, its control groups, its state; then its poststop hooks run, whose
 * failures are warned of and change nothing (runtime.md, "Lifecycle"). Idempotent.
 */
export async function destroyContainer(
  { state, cgroup }: OpenContainer,
  warn: (message: string) => void,
): Promise<void> {
  killInit(state);
  await cgroup.group.kill();
  await cgroup.remove();
  removeIntelRdt(state.spec, { id: state.id });
  removeStateFolder(state.folder);
  const hooks = state.spec.hooks?.poststop ?? [];
  for (const [index, hook] of hooks.entries()) {
    try {
      await runHook(hook, `hooks.poststop[${index}]`, hookInput(state, "stopped"));
    } catch (error) {
      warn(formatError(error));
    }
  }
}
