import { closeSync, existsSync, fstatSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { keepCgroupOptions } from "../../linux/mount/keep-cgroup-options.ts";
import type { CheckpointFlags } from "../criu/checkpoint-flags.ts";
import { EXTERNAL_NAMESPACES, type ExternalNamespace } from "../criu/common-options.ts";
import { criuFailure } from "../criu/criu-failure.ts";
import { CriuProcess } from "../criu/criu-process.ts";
import { readCriuVersion, requireFeatures, requireVersion } from "../criu/criu-version.ts";
import { externalPlaces } from "../criu/external-mounts.ts";
import { freshLog } from "../criu/fresh-log.ts";
import { openInRoot, pathOf } from "../criu/make-mount-point.ts";
import { hasUserNamespace, type OpenFolders, openFolders } from "../criu/open-folders.ts";
import { DUMP_LOG, type DumpFacts, planDump } from "../criu/plan-dump.ts";
import { destroyContainer } from "./destroy-container.ts";
import { findContainer } from "./find-container.ts";
import { readJoinedNamespaces } from "./joined-namespaces.ts";
import type { OpenContainer } from "./open-container.ts";
import { readStreams, writeDescriptors } from "./stream-descriptors.ts";

/** The freezer of v2 (criu 3.14), and the notification that pages can be asked for (3.15). */
const MIN_VERSIONS = { freezer2: 31400, statusFd: 31500 } as const;

export interface CheckpointOptions {
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  warn(message: string): void;
}

/** criu needs more than a user namespace gives. @throws `permission-denied` */
export function requireRoot(task: string): void {
  if ((process.geteuid?.() ?? 0) !== 0)
    throw new GantryError("permission-denied", `cannot ${task}: criu needs root's rights`);
}

function requireRunning({ state, status }: OpenContainer): { readonly pid: number; readonly isPaused: boolean } {
  const now = status();
  if (state.init === undefined || (now !== "running" && now !== "paused"))
    throw new GantryError("conflict", `Container cannot be checkpointed in ${now} state`);
  return { pid: state.init.pid, isPaused: now === "paused" };
}

function checkParent({ imagePath, parentPath }: CheckpointFlags, hasUsers: boolean): void {
  if (parentPath === undefined) return;
  if (isAbsolute(parentPath)) throw new GantryError("invalid-argument", "--parent-path must be relative");
  // As the kernel would resolve it: the images' folder may not be there yet.
  mkdirSync(imagePath, { recursive: true, mode: hasUsers ? 0o711 : 0o700 });
  const path = join(imagePath, parentPath);
  if (!existsSync(path) || !statSync(path).isDirectory())
    throw new GantryError("invalid-argument", `invalid --parent-path: there is no folder ${path}`);
}

function checkStatusFd({ statusFd, lazyPages }: CheckpointFlags, version: number): void {
  if (statusFd === undefined || !lazyPages) return;
  requireVersion(version, MIN_VERSIONS.statusFd, "--status-fd");
  try {
    fstatSync(statusFd);
  } catch (error) {
    throw new GantryError("invalid-argument", `invalid --status-fd argument ${statusFd}`, { cause: error });
  }
}

/** Looks into the root of the container, which may change it meanwhile: what comes of it are only names for criu. */
function inRootOf<Result>(pid: number, look: (open: (path: string) => number) => Result): Result {
  const root = openSync(`/proc/${pid}/root`, "r");
  try {
    return look((path) => openInRoot(root, path));
  } finally {
    closeSync(root);
  }
}

function checkJoined(joined: DumpFacts["joined"], version: number): void {
  for (const type of Object.keys(joined) as ExternalNamespace[])
    requireVersion(version, EXTERNAL_NAMESPACES[type].minVersion, `linux.namespaces: a ${type} namespace by path`);
}

/** What init has by now is the best that is known of one that a release before made. */
export function descriptorsOf({ state }: Pick<OpenContainer, "state">, pid: number): readonly string[] {
  return state.descriptors ?? readStreams(pid, state.spec.process);
}

function readFacts(
  container: OpenContainer,
  folders: OpenFolders,
  criu: { readonly version: number; readonly pid: number },
): DumpFacts {
  const { state, cgroup } = container;
  const { pid, version } = criu;
  const joined = readJoinedNamespaces(state.spec, pid);
  checkJoined(joined, version);
  const places = externalPlaces(state.spec, { bundle: state.bundle, cgroups: cgroup.folders });
  const resolved = new Map<string, string>();
  const maskedFiles: string[] = [];
  inRootOf(pid, (open) => {
    for (const { destination } of places) {
      const fd = open(destination);
      if (fd < 0) continue;
      resolved.set(destination, pathOf(fd));
      closeSync(fd);
    }
    for (const path of state.spec.linux?.maskedPaths ?? []) {
      const fd = open(path);
      if (fd < 0) continue;
      if (!fstatSync(fd).isDirectory()) maskedFiles.push(path);
      closeSync(fd);
    }
  });
  const unified = cgroup.group.folderOf("unified");
  const legacy = cgroup.group.folderOf("freezer");
  const freezer = legacy !== unified ? legacy : version >= MIN_VERSIONS.freezer2 ? unified : undefined;
  return {
    ...folders,
    pid,
    rootfs: state.rootfs,
    places,
    resolved,
    maskedFiles,
    joined,
    ...(freezer === undefined ? {} : { freezer }),
  };
}

async function dump(
  container: OpenContainer,
  flags: CheckpointFlags,
  options: CheckpointOptions & { readonly version: number; readonly pid: number },
): Promise<void> {
  const { state } = container;
  using folders = openFolders(flags, { makesImages: true, hasUsers: hasUserNamespace(state.spec) });
  const planned = planDump(state.spec, flags, readFacts(container, folders, options));
  if (!flags.preDump) writeDescriptors(flags.imagePath, descriptorsOf(container, options.pid));
  using _options = keepCgroupOptions();
  await using criu = await CriuProcess.start({ environment: options.environment });
  const type = flags.preDump ? "pre-dump" : "dump";
  const task = `checkpoint container "${state.id}"`;
  const log = freshLog(folders.logFolder, DUMP_LOG);
  const answer = await criu
    .ask({ type, options: planned }, async ({ name }) => {
      if (name === "status-ready" && flags.statusFd !== undefined) {
        writeSync(flags.statusFd, "\0");
        closeSync(flags.statusFd);
      }
    })
    .catch((error: unknown) => {
      throw new GantryError("internal", criuFailure(task, undefined, log).message, { cause: error });
    });
  if (!answer.isSuccess) throw criuFailure(task, answer, log);
}

/**
 * Saves a container's processes in files, from which `restoreContainer` makes them again. It is gone then, unless
 * `leaveRunning`, or `preDump`, which saves memory alone. When it fails the container goes on as it was.
 *
 * @throws `conflict` for one that does not run, `unsupported` without criu, `permission-denied` without root's rights.
 */
export async function checkpointContainer(
  container: OpenContainer,
  flags: CheckpointFlags,
  options: CheckpointOptions,
): Promise<void> {
  requireRoot(`checkpoint container "${container.state.id}"`);
  const { pid, isPaused } = requireRunning(container);
  const version = await readCriuVersion(options.environment);
  await requireFeatures(flags, options.environment);
  checkStatusFd(flags, version);
  checkParent(flags, hasUserNamespace(container.state.spec));
  try {
    await dump(container, flags, { ...options, version, pid });
  } catch (error) {
    // Where criu was killed it could not let the processes go on.
    if (!isPaused) await container.cgroup.group.thaw().catch(() => undefined);
    throw error;
  }
  if (flags.leaveRunning || flags.preDump) return;
  try {
    await destroyContainer(findContainer(options.root, container.state.id), options.warn);
  } catch (error) {
    options.warn(formatError(error));
  }
}
