import { madeAll } from "../cgroup/cgroup.ts";
import { planCgroups } from "../plan/plan-container.ts";
import { planLaunch } from "../plan/plan-launch.ts";
import type { Plan } from "../plan/steps.ts";
import { launchInPlace, openHelperProgram } from "./launch-in-place.ts";
import type { OpenContainer } from "./open-container.ts";

export interface StayOptions {
  readonly pid: number;
  /** The terminal's master; undefined without a terminal. */
  readonly master: number | undefined;
  readonly isSubreaper: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly usesSystemd: boolean;
  again(plan: Plan): { readonly command: readonly string[]; readonly outcomeAt: number };
}

/**
 * Stays with a container whose init is our child: the helper comes in our place, as for `run`, hands signals on, and
 * ends as init ends. Comes back only by an error.
 */
export async function stayWith({ state, cgroup }: OpenContainer, options: StayOptions): Promise<never> {
  const { spec } = state;
  const isPlain =
    madeAll(cgroup) &&
    (spec.hooks?.poststop ?? []).length === 0 &&
    !options.usesSystemd &&
    spec.linux?.intelRdt === undefined;
  const size = spec.process?.consoleSize;
  const groups = planCgroups(cgroup.folders);
  const { command, outcomeAt } = options.again({ steps: [] });
  const launch = planLaunch({
    preservedFds: 0,
    isForeground: true,
    awaitsStart: false,
    isSubreaper: options.isSubreaper,
    cleanUp: isPlain ? "self" : "again",
    ...(size === undefined ? {} : { consoleSize: size }),
    folder: state.folder,
    holdPid: 0,
    adopted: { pid: options.pid, ...(options.master === undefined ? {} : { master: options.master }) },
    again: command,
    outcomeAt,
  });
  using program = await openHelperProgram();
  return launchInPlace({ steps: [launch, ...groups] }, program, {
    environment: options.environment,
    preservedFds: 0,
    ...(options.master === undefined ? {} : { inherit: [options.master] }),
  });
}
