import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { groupBelow } from "../../linux/cgroupfs/group-below.ts";
import { readSecurityFacts } from "../../linux/security/security-facts.ts";
import type { Process } from "../../oci/runtime-spec.ts";
import type { CgroupFolder } from "../plan/plan-cgroup-mounts.ts";
import { planExec } from "../plan/plan-exec.ts";
import { planLaunch } from "../plan/plan-launch.ts";
import type { Plan } from "../plan/steps.ts";
import { launchInPlace, openHelperProgram } from "./launch-in-place.ts";
import type { OpenContainer } from "./open-container.ts";
import { readCaller } from "./plan-facts.ts";
import { annotationsOf, planFilter } from "./plan-filter.ts";
import { planPreservedFds } from "./preserved-fds.ts";
import { checkTerminal, withVariables } from "./process-rules.ts";
import { withUsableCapabilities } from "./usable-capabilities.ts";

export interface ExecOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isDetached: boolean;
  /** Also in a container that is paused: the process waits until it is resumed. */
  readonly ignoresPause: boolean;
  readonly preserveFds: number;
  /** Groups below the container's, `[controllers:]path`. */
  readonly subgroups: readonly string[];
  readonly pidFile?: string;
  readonly consoleSocket?: string;
  again(plan: Plan): { readonly command: readonly string[]; readonly outcomeAt: number };
  warn(message: string): void;
}

/**
 * The folders that the process is put into, with groups below the container's for those that name some.
 *
 * @throws `invalid-argument` for a group that leads out, or a controller that no folder has.
 */
export function withSubgroups(
  folders: readonly CgroupFolder[],
  subgroups: readonly string[],
  folderOf: (controller: string) => string | undefined,
): readonly CgroupFolder[] {
  const paths = new Map(folders.map(({ path }) => [path, path]));
  for (const text of subgroups) {
    const [, list, path = ""] = /^(?:([\w=,]+):)?(.*)$/s.exec(text) ?? [];
    if (path.split("/").includes(".."))
      throw new GantryError("invalid-argument", `--cgroup: ${JSON.stringify(path)} is not below the container's group`);
    const chosen = list === undefined ? folders.map((folder) => folder.path) : list.split(",").map(folderOf);
    for (const own of chosen) {
      if (own === undefined || !paths.has(own))
        throw new GantryError("invalid-argument", `--cgroup: there is no hierarchy for the controllers ${list}`);
      paths.set(own, posix.join(own, path));
    }
  }
  return folders.map(({ version, path }) => ({ version, path: paths.get(path) ?? path }));
}

function foldersOf({ cgroup }: OpenContainer, subgroups: readonly string[]): readonly CgroupFolder[] {
  const { folders, group } = cgroup;
  if (subgroups.length === 0) return folders;
  const chosen = withSubgroups(folders, subgroups, (controller) => group.folderOf(controller));
  for (const { path } of chosen)
    if (!existsSync(path)) throw new GantryError("not-found", `--cgroup: there is no control group ${path}`);
  return chosen;
}

/** A process that joins takes groups as they are where its user namespace forbids to set them. */
function deniesGroups(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/setgroups`, "utf8").trim() === "deny";
  } catch {
    return false;
  }
}

/** Executes one process in a running container. Comes back only by an error. */
export async function execProcess(container: OpenContainer, wanted: Process, options: ExecOptions): Promise<never> {
  const { state } = container;
  const status = container.status();
  const { init } = state;
  if (init === undefined || status === "stopped" || status === "creating")
    throw new GantryError("conflict", "cannot exec in a stopped container");
  if (status === "paused" && !options.ignoresPause)
    throw new GantryError("conflict", "cannot exec in a paused container (use --ignore-paused to override)");
  checkTerminal(wanted, { isDetached: options.isDetached, consoleSocket: options.consoleSocket });
  const fds = planPreservedFds({ environment: options.environment, preserveFds: options.preserveFds });
  const process = withUsableCapabilities(withVariables(wanted, fds.environment), {
    linux: state.spec.linux,
    warn: options.warn,
  });
  const { spec } = state;
  const filter = await planFilter(spec, { id: state.id, bundle: state.bundle, status: "running", pid: init.pid });
  const launch = {
    preservedFds: fds.count,
    isForeground: !options.isDetached,
    awaitsStart: false,
    isSubreaper: false,
    cleanUp: "never",
    ...(process.consoleSize === undefined ? {} : { consoleSize: process.consoleSize }),
    ...(options.pidFile === undefined ? {} : { pidFile: options.pidFile }),
    ...(options.consoleSocket === undefined ? {} : { consoleSocket: options.consoleSocket }),
    holdPid: 0,
    again: [],
    outcomeAt: 0,
  } as const;
  const draft = planExec(process, {
    pid: init.pid,
    startTime: init.startTime,
    namespaces: (spec.linux?.namespaces ?? []).map(({ type }) => type),
    cgroups: foldersOf(container, options.subgroups),
    // Who names a group wants that one.
    ...(options.subgroups.length > 0 ? {} : { cgroupBelow: groupBelow(container.cgroup.folders, init.pid) }),
    ...filter,
    ...annotationsOf(spec),
    security: readSecurityFacts(),
    linux: spec.linux ?? {},
    keyring: state.hasKeyring ? state.id : "none",
    keepsGroups: readCaller(options.environment) !== undefined || deniesGroups(init.pid),
    launch,
  });
  for (const warning of draft.warnings ?? []) options.warn(warning);
  const { command, outcomeAt } = options.again(draft);
  using program = await openHelperProgram();
  return launchInPlace(
    { steps: [planLaunch({ ...launch, again: command, outcomeAt }), ...draft.steps.slice(1)] },
    program,
    {
      environment: options.environment,
      preservedFds: fds.count,
    },
  );
}
