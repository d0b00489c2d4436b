import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { removeRawFolder } from "../../platform/raw-file.ts";
import { type CgroupRecord, type ContainerRecord, type ContainerState, isAlive } from "./container-state.ts";
import type { FoundContainer } from "./find-container.ts";
import { sendSignal } from "./send-signal.ts";
import { removeStateFolder } from "./state-folder.ts";

const SIGKILL = 9;

/** Kills init, if it lives. What shares its pid namespace dies with it. */
export function killInit(record: ContainerRecord): void {
  if (record.init === undefined || !isAlive(record, record.init)) return;
  const failure = sendSignal(record.init, SIGKILL);
  if (failure !== 0 && failure !== ERRNO.ESRCH)
    throw new GantryError("permission-denied", `cannot kill init of "${record.id}": ${describeErrno(failure)}`);
}

/** True when nobody was in the groups, and no group, and they are gone: there is nothing to wait for. */
function removeEmptyGroups({ driver, folders, made }: CgroupRecord): boolean {
  if (driver !== "plain" || folders === undefined || (made !== undefined && made.length < folders.length)) return false;
  const failures = folders.map(({ path }) => -removeRawFolder(path));
  return failures.every((failure) => failure === 0 || failure === ERRNO.ENOENT);
}

/** Whoever is in groups that were not made for the container is its own only when its init has been in them. */
async function removeGroups(container: FoundContainer): Promise<void> {
  const { init, cgroup: placed } = container.record;
  if (!isUnrecorded(container.record) && removeEmptyGroups(placed)) return;
  const { cgroup } = await container.open();
  if (isUnrecorded(container.record)) return await cgroup.removeUnrecorded();
  await (init === undefined ? cgroup.group.only(cgroup.made ?? []) : cgroup.group).kill();
  await cgroup.remove();
}

/** What was made before the record said so is told by its mark alone. */
function isUnrecorded({ init, cgroup }: ContainerRecord): boolean {
  return init === undefined && cgroup.made === undefined;
}

async function removeResctrl(container: FoundContainer): Promise<void> {
  // A class is made after the groups are recorded.
  if (container.record.config.linux?.intelRdt === undefined || isUnrecorded(container.record)) return;
  const [{ state }, { removeIntelRdt }] = await Promise.all([container.open(), import("./intel-rdt.ts")]);
  removeIntelRdt(state.spec, { id: state.id });
}

/** Their failures are warned of and change nothing (runtime.md, "Lifecycle"). */
async function runPoststop(state: ContainerState, warn: (message: string) => void): Promise<void> {
  const { hookInput, runHook } = await import("./run-hooks.ts");
  for (const [index, hook] of (state.spec.hooks?.poststop ?? []).entries()) {
    try {
      await runHook(hook, `hooks.poststop[${index}]`, hookInput(state, "stopped"));
    } catch (error) {
      warn(formatError(error));
    }
  }
}

/** Takes away all that a container has: its processes, its control groups, its state; then its poststop hooks run. Idempotent. */
export async function destroyContainer(container: FoundContainer, warn: (message: string) => void): Promise<void> {
  const { record } = container;
  const hooked = (record.config.hooks?.poststop ?? []).length === 0 ? undefined : await container.open();
  killInit(record);
  await removeGroups(container);
  await removeResctrl(container);
  await removeStateFolder(record.folder);
  if (hooked !== undefined) await runPoststop(hooked.state, warn);
}
