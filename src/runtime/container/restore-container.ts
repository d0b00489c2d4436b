import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { readBootId, readStartTime } from "../../platform/process-identity.ts";
import type { RestoreFlags } from "../criu/checkpoint-flags.ts";
import { EXTERNAL_NAMESPACES } from "../criu/common-options.ts";
import { readCriuVersion, requireVersion } from "../criu/criu-version.ts";
import { planJoined } from "../criu/plan-restore.ts";
import type { Plan } from "../plan/steps.ts";
import { requireRoot } from "./checkpoint-container.ts";
import { ConsoleReceiver } from "./console-receiver.ts";
import { type ContainerIdentity, NO_INIT, stateText } from "./container-state.ts";
import { destroyContainer } from "./destroy-container.ts";
import { findContainer } from "./find-container.ts";
import { requireResctrl } from "./intel-rdt.ts";
import { makeStateFolder, writeStateFile } from "./make-state-folder.ts";
import { openCgroupOf, openContainer } from "./open-container.ts";
import { checkTerminal } from "./process-rules.ts";
import type { Bundle } from "./read-bundle.ts";
import { Restoration } from "./restoration.ts";
import { restoredConfig } from "./restored-namespaces.ts";
import { removeStateFolder } from "./state-folder.ts";
import { stayWith } from "./stay-with.ts";
import { readDescriptors, readStreams } from "./stream-descriptors.ts";
import { writePidFile } from "./write-pid-file.ts";

export interface RestoreOptions {
  readonly id: string;
  readonly root: string;
  readonly isDetached: boolean;
  /** Take over orphans while we stay. */
  readonly isSubreaper: boolean;
  readonly usesSystemd: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  readonly pidFile?: string;
  readonly consoleSocket?: string;
  /** The command that clears up when a foreground has ended. */
  again(plan: Plan): { readonly command: readonly string[]; readonly outcomeAt: number };
  warn(message: string): void;
}

const MIN_LSM_VERSION = 31600;

function checkVersion({ spec }: Bundle, flags: RestoreFlags, version: number): void {
  if (flags.lsmProfile !== undefined) requireVersion(version, MIN_LSM_VERSION, "--lsm-profile");
  if (flags.lsmMountContext !== undefined) requireVersion(version, MIN_LSM_VERSION, "--lsm-mount-context");
  for (const { type } of planJoined(spec).inherited)
    requireVersion(version, EXTERNAL_NAMESPACES[type].minVersion, `linux.namespaces: a ${type} namespace by path`);
}

async function identify(bundle: Bundle, options: RestoreOptions): Promise<ContainerIdentity> {
  const { id } = options;
  const { spec } = bundle;
  const placed: ContainerIdentity["cgroup"] = {
    driver: options.usesSystemd ? "systemd" : "plain",
    path: spec.linux?.cgroupsPath ?? "",
  };
  const { group } = await openCgroupOf({ id, cgroup: placed }, spec.annotations);
  return {
    version: 1,
    id,
    bundle: bundle.path,
    rootfs: bundle.rootfs,
    created: options.now.toISOString(),
    ownerUid: process.getuid?.() ?? 0,
    bootId: readBootId(),
    cgroup: { ...placed, folders: group.folders },
    // criu makes none: its processes have the caller's.
    hasKeyring: false,
    descriptors: readStreams("self", spec.process),
    creator: { pid: process.pid, startTime: readStartTime(process.pid) ?? 0 },
    late: { from: 0, steps: [] },
  };
}

/**
 * Makes a container again from what `checkpointContainer` saved. In the foreground it comes back only by an error: the
 * helper takes our place and stays until init has ended. When it fails nothing is left.
 *
 * @throws `unsupported` without criu, `not-found` without a checkpoint, `permission-denied` without root's rights.
 */
export async function restoreContainer(bundle: Bundle, flags: RestoreFlags, options: RestoreOptions): Promise<number> {
  const { id, root } = options;
  const { spec } = bundle;
  requireRoot(`restore container "${id}"`);
  if (spec.process === undefined) throw new GantryError("invalid-argument", "process: missing in config.json");
  checkTerminal(spec.process, { isDetached: options.isDetached, consoleSocket: options.consoleSocket });
  checkVersion(bundle, flags, await readCriuVersion(options.environment));
  requireResctrl(spec);
  readDescriptors(flags.imagePath);
  using receiver = ConsoleReceiver.open(options.consoleSocket);
  let identity = await identify(bundle, options);
  const folder = makeStateFolder(root, id);
  const writeState = (init: string, config: string): void => {
    const { head, tail } = stateText(identity, config);
    writeStateFile(folder, `${head}${init}${tail}`);
  };
  let restoration: Restoration | undefined;
  try {
    // For others to see, and to clear up.
    writeState(NO_INIT, bundle.config);
    const container = await openContainer(root, id);
    restoration = new Restoration(bundle, flags, {
      container,
      console: receiver,
      environment: options.environment,
      made: (folders) => {
        identity = { ...identity, cgroup: { ...identity.cgroup, made: folders } };
        writeState(NO_INIT, bundle.config);
      },
      known: (init) =>
        writeState(
          `"init_process_pid":${init},"init_process_start":${readStartTime(init) ?? 0}`,
          restoredConfig(bundle, init),
        ),
    });
    const pid = await restoration.run();
    if (options.pidFile !== undefined) writePidFile(options.pidFile, pid);
    if (options.isDetached) return 0;
    return await stayWith(container, { ...options, pid, master: receiver.master });
  } catch (error) {
    if (restoration?.hasGroups === true) await destroy(options);
    await removeStateFolder(folder);
    throw error;
  }
}

/** Read again: init may be known by now. */
async function destroy({ root, id, warn }: RestoreOptions): Promise<void> {
  try {
    await destroyContainer(findContainer(root, id), warn);
  } catch (error) {
    warn(formatError(error));
  }
}
