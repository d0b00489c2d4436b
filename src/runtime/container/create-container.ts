import { GantryError } from "../../errors/gantry-error.ts";
import type { Process, Resources, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { readBootId, readStartTime } from "../../platform/process-identity.ts";
import { madeAll } from "../cgroup/cgroup.ts";
import { cgroupOwner } from "../cgroup/cgroup-owner.ts";
import { holdProcess } from "../cgroup/hold-process.ts";
import { DEFAULT_DEVICE_RULES } from "../cgroup/plan-devices.ts";
import { planContainer } from "../plan/plan-container.ts";
import { type LaunchOptions, planLaunch } from "../plan/plan-launch.ts";
import type { Plan } from "../plan/steps.ts";
import { type CgroupRecord, type ContainerIdentity, NO_INIT, stateText } from "./container-state.ts";
import { explainedSteps } from "./explained-steps.ts";
import { createIntelRdt, removeIntelRdt } from "./intel-rdt.ts";
import { launchInPlace, openHelperProgram } from "./launch-in-place.ts";
import { makeStateFolder, writeStateFile } from "./make-state-folder.ts";
import { openCgroupOf } from "./open-container.ts";
import { readPlanFacts } from "./plan-facts.ts";
import { annotationsOf, planFilter } from "./plan-filter.ts";
import { planPreservedFds } from "./preserved-fds.ts";
import { checkTerminal, withVariables } from "./process-rules.ts";
import type { Bundle } from "./read-bundle.ts";
import { removeStateFolder } from "./state-folder.ts";
import { readStreams } from "./stream-descriptors.ts";
import { withUsableCapabilities } from "./usable-capabilities.ts";

export interface CreateOptions {
  readonly id: string;
  readonly root: string;
  /** `create`: init waits for `start`. `run`: we stay until it ends. `detach`: it runs, and we go. */
  readonly mode: "create" | "run" | "detach";
  readonly usesSystemd: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  /** @default 0 */
  readonly preserveFds?: number;
  /** Take over orphans while we stay. @default true */
  readonly isSubreaper?: boolean;
  /** Leave the container where it is when it has ended (`run`). @default false */
  readonly keeps?: boolean;
  /** @default false */
  readonly withoutPivot?: boolean;
  /** Keep the caller's session keyring. @default false */
  readonly withoutKeyring?: boolean;
  readonly pidFile?: string;
  readonly consoleSocket?: string;
  /** The command that tells how it went, and what of it is replaced by that. */
  again(plan: Plan): { readonly command: readonly string[]; readonly outcomeAt: number };
  warn(message: string): void;
}

/** What runc allows after all that the configuration says (libcontainer/specconv). */
export function withDefaultDevices(resources: Resources | undefined): Resources {
  const [denyAll, ...defaults] = DEFAULT_DEVICE_RULES;
  const first = denyAll === undefined ? [] : [denyAll];
  return { ...resources, devices: [...first, ...(resources?.devices ?? []), ...defaults] };
}

function requireProcess(spec: RuntimeSpec, options: CreateOptions, fds: readonly string[]): Process {
  if (spec.process === undefined) throw new GantryError("invalid-argument", "process: missing in config.json");
  checkTerminal(spec.process, { isDetached: options.mode !== "run", consoleSocket: options.consoleSocket });
  return withUsableCapabilities(withVariables(spec.process, fds), {
    linux: spec.linux,
    warn: options.warn,
  });
}

/**
 * Makes a container of a bundle: plans it, makes its control groups and state, and lets the helper come in our place.
 * Comes back only by an error, and then nothing is left.
 */
export async function createContainer(bundle: Bundle, options: CreateOptions): Promise<never> {
  const { id, mode } = options;
  const { spec } = bundle;
  const fds = planPreservedFds({
    environment: options.environment,
    preserveFds: options.preserveFds ?? 0,
    listenPid: process.pid,
  });
  const planned: RuntimeSpec = { ...spec, process: requireProcess(spec, options, fds.environment) };
  const filter = await planFilter(spec, { id, bundle: bundle.path, status: "creating" });
  const facts = await readPlanFacts(bundle, {
    id,
    environment: options.environment,
    withoutPivot: options.withoutPivot ?? false,
    withoutKeyring: options.withoutKeyring ?? false,
  });
  const busAddress = options.environment.DBUS_SESSION_BUS_ADDRESS;
  const placed: CgroupRecord = {
    driver: options.usesSystemd ? "systemd" : "plain",
    path: spec.linux?.cgroupsPath ?? "",
    ...(options.usesSystemd && busAddress !== undefined ? { busAddress } : {}),
  };
  const cgroup = await openCgroupOf({ id, cgroup: placed }, spec.annotations);
  const hookState = { ociVersion: spec.ociVersion, id, bundle: bundle.path, ...annotationsOf(spec) };

  const folder = makeStateFolder(options.root, id);
  let hasGroups = false;
  let hasClass = false;
  try {
    const identity: Omit<ContainerIdentity, "late"> = {
      version: 1,
      id,
      bundle: bundle.path,
      rootfs: bundle.rootfs,
      created: options.now.toISOString(),
      ownerUid: process.getuid?.() ?? 0,
      bootId: readBootId(),
      cgroup: { ...placed, folders: cgroup.group.folders },
      hasKeyring: options.withoutKeyring !== true,
      descriptors: readStreams("self", planned.process),
      creator: { pid: process.pid, startTime: readStartTime(process.pid) ?? 0 },
    };
    const record = (known: typeof identity): void => {
      const { head, tail } = stateText({ ...known, late: { from: 0, steps: [] } }, bundle.config);
      writeStateFile(folder, `${head}${NO_INIT}${tail}`);
    };
    record(identity);
    using program = await openHelperProgram();
    using held = options.usesSystemd ? await holdProcess(program.path) : undefined;
    const owner = cgroupOwner(spec);
    await cgroup.create(withDefaultDevices(spec.linux?.resources), {
      ...(held === undefined ? {} : { pid: held.pid }),
      ...(owner === undefined ? {} : { ownerUid: owner }),
    });
    hasGroups = true;
    const known = { ...identity, cgroup: { ...identity.cgroup, made: cgroup.made ?? [] } };
    record(known);
    cgroup.recorded();
    const launch = launchOptions(bundle, options, {
      folder,
      preservedFds: fds.count,
      ownsGroups: madeAll(cgroup),
    });
    const resctrl = createIntelRdt(spec, { id });
    hasClass = true;
    const draft = planContainer(planned, {
      ...facts,
      ...filter,
      cgroups: cgroup.folders,
      resctrl,
      launch: { options: launch, hookState },
    });
    for (const warning of draft.warnings ?? []) options.warn(warning);
    const from = draft.steps.findIndex(({ op }) => op === "await-start") + 1;
    const late = mode === "create" ? { from, steps: explainedSteps(draft, from) } : { from: 0, steps: [] };
    const { command, outcomeAt } = options.again(draft);
    const state = stateText({ ...known, late }, bundle.config);
    const first = planLaunch({ ...launch, state, again: command, outcomeAt, holdPid: held?.pid ?? 0 });
    const plan = { steps: [first, ...draft.steps.slice(1)] };
    return launchInPlace(plan, program, { environment: options.environment, preservedFds: fds.count });
  } catch (error) {
    if (hasGroups) await cgroup.remove().catch(() => undefined);
    if (hasClass) removeIntelRdt(spec, { id });
    await removeStateFolder(folder);
    throw error;
  }
}

function launchOptions(
  { spec }: Bundle,
  options: CreateOptions,
  made: { readonly folder: string; readonly preservedFds: number; readonly ownsGroups: boolean },
): LaunchOptions {
  const { mode, pidFile, consoleSocket } = options;
  const hasPoststop = (spec.hooks?.poststop ?? []).length > 0;
  const { ownsGroups, ...place } = made;
  const isPlain = ownsGroups && !hasPoststop && !options.usesSystemd && spec.linux?.intelRdt === undefined;
  const size = spec.process?.consoleSize;
  return {
    ...place,
    isForeground: mode === "run",
    awaitsStart: mode === "create",
    isSubreaper: mode === "run" && options.isSubreaper !== false,
    cleanUp: mode !== "run" || options.keeps === true ? "never" : isPlain ? "self" : "again",
    ...(size === undefined ? {} : { consoleSize: size }),
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    again: [],
    outcomeAt: 0,
    holdPid: 0,
  };
}
