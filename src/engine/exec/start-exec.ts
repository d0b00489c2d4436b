import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { groupBelow } from "../../linux/cgroupfs/index.ts";
import type { NamespaceType, Process } from "../../oci/runtime-spec.ts";
import { resolveCapabilities } from "../../runtime/capabilities/index.ts";
import { planExec } from "../../runtime/plan/index.ts";
import type { ContainerRecord } from "../container/container-record.ts";
import { forProcess, planSeccomp } from "../container/container-security.ts";
import { readUsersOfProcess } from "../container/image-files.ts";
import { processEnv } from "../container/merge-image-config.ts";
import { resolveUser } from "../container/resolve-user.ts";
import type { EngineMonitor, ProcessIdentity } from "../dependencies.ts";
import type { StdioSession } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";
import { PendingSession } from "../stdio/stdio-session.ts";
import { requireExec, requireRunning } from "./create-exec.ts";
import type { LiveExec } from "./live-exec.ts";

const NAMESPACES: readonly NamespaceType[] = ["mount", "network", "uts", "pid", "ipc", "cgroup"];

export interface StartExecOptions {
  readonly detach?: boolean;
  readonly consoleSize?: { readonly width: number; readonly height: number };
}

/**
 * Runs what `createExec` remembered, once. Its streams are connected before its program begins.
 *
 * @throws `conflict` if it was started before or the container does not run; with exit code 127 if there is no such
 * program, with 126 for everything else that keeps it from being executed.
 */
export async function startExec(
  context: EngineContext,
  id: string,
  options: StartExecOptions = {},
): Promise<StdioSession | undefined> {
  const exec = requireExec(context, id);
  if (exec.isStarted) throw new GantryError("conflict", `Error: Exec command ${id} has already run`);
  const record = context.records.require(exec.containerId);
  requireRunning(record, "exec");
  exec.isStarted = true;
  const session = options.detach === true ? undefined : new PendingSession();
  try {
    await launch(context, exec, { record, session, options });
  } catch (error) {
    const failure = explain(error);
    exec.isRunning = false;
    exec.exitCode = failure.exitCode ?? 126;
    throw failure;
  }
  return session;
}

async function launch(
  context: EngineContext,
  exec: LiveExec,
  request: {
    readonly record: ContainerRecord;
    readonly session: PendingSession | undefined;
    readonly options: StartExecOptions;
  },
): Promise<void> {
  const { parts, paths } = context;
  const { record, session, options } = request;
  const { config } = exec;
  const init = record.run?.init;
  if (init === undefined) throw new GantryError("conflict", `container ${record.id} is not running`);
  const planned = planProcess(context, exec, { record, init });
  const cgroup = parts.cgroups.open(record.id, record.config.resources?.cgroupParent);
  const plan = planExec(planned.process, {
    pid: init.pid,
    startTime: init.startTime,
    namespaces: NAMESPACES,
    cgroups: cgroup.folders,
    cgroupBelow: groupBelow(cgroup.folders, init.pid),
    security: parts.security.facts,
    ...(record.config.annotations === undefined ? {} : { annotations: record.config.annotations }),
    ...(planned.seccomp === undefined
      ? {}
      : {
          seccomp: forProcess(planned.seccomp, {
            id: record.id,
            status: "running",
            pid: init.pid,
            bundle: paths.directory(record.id),
          }),
        }),
  });
  const exitPath = paths.execExitRecord(record.id, exec.id);
  mkdirSync(dirname(exitPath), { recursive: true, mode: 0o700 });
  const monitor = await parts.supervisor.launch({
    id: exec.id,
    socketPath: paths.execSocket(exec.id),
    exitPath,
    tty: config.tty === true,
    ...(options.consoleSize === undefined ? {} : { consoleSize: options.consoleSize }),
    openStdin: config.openStdin === true,
    stdinOnce: true,
    plan,
  });
  try {
    await monitor.ready();
    if (session !== undefined) {
      session.bind(
        await monitor.attach({
          stdin: config.openStdin === true,
          stdout: config.attachStdout !== false,
          stderr: config.attachStderr !== false,
        }),
      );
    }
    exec.monitor = monitor;
    exec.pid = monitor.init.pid;
    exec.isRunning = true;
    // Told before the program may end, whose end is told as well.
    context.records.tell(context.event(record, `exec_start: ${config.command.join(" ")}`, { execID: exec.id }));
    watch(context, exec, { record, monitor, exitPath });
    await monitor.start();
  } catch (error) {
    session?.close();
    await monitor.abandon().catch(() => undefined);
    throw error;
  }
}

function watch(
  context: EngineContext,
  exec: LiveExec,
  options: { readonly record: ContainerRecord; readonly monitor: EngineMonitor; readonly exitPath: string },
): void {
  options.monitor.exited
    .then((exit) => {
      exec.isRunning = false;
      exec.monitor = undefined;
      exec.exitCode ??= exit.exitCode;
      options.monitor.disconnect();
      rmSync(options.exitPath, { force: true });
      if (context.isClosed) return;
      const attributes = { execID: exec.id, exitCode: String(exec.exitCode) };
      context.records.tell(context.event(options.record, "exec_die", attributes));
    })
    .catch(context.warnOf(`lost exec ${exec.id.slice(0, 12)}`));
}

function planProcess(
  context: EngineContext,
  exec: LiveExec,
  options: { readonly record: ContainerRecord; readonly init: ProcessIdentity },
): { readonly process: Process; readonly seccomp: ReturnType<typeof planSeccomp> } {
  const { config } = exec;
  const { record } = options;
  const { parts } = context;
  const { security = {} } = record.config;
  const { user, home } = resolveUser(config.user || record.effective.user, {
    ...readUsersOfProcess(options.init.pid),
    groups: record.config.groups ?? [],
  });
  const isPrivileged = config.privileged === true || security.privileged === true;
  const { capabilities } = resolveCapabilities({
    add: security.capAdd ?? [],
    drop: security.capDrop ?? [],
    privileged: isPrivileged,
    available: parts.capabilities,
  });
  const tty = config.tty === true;
  return {
    process: {
      terminal: tty,
      cwd: config.workingDirectory || record.effective.workingDirectory || "/",
      env: processEnv([...record.effective.env, ...(config.env ?? [])], {
        hostname: record.effective.hostname,
        tty,
        home,
      }),
      args: config.command,
      user,
      ...(record.confinement?.appArmorProfile ? { apparmorProfile: record.confinement.appArmorProfile } : {}),
      ...(record.confinement?.processLabel ? { selinuxLabel: record.confinement.processLabel } : {}),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: security.noNewPrivileges === true,
      oomScoreAdj: 0,
    },
    seccomp: planSeccomp({ ...security, privileged: isPrivileged }, { host: parts.host, capabilities }),
  };
}

function explain(error: unknown): GantryError {
  if (!isGantryError(error))
    return new GantryError("internal", "OCI runtime exec failed", { cause: error, exitCode: 126 });
  const prefix = error.exitCode === undefined ? "" : "OCI runtime exec failed: exec failed: ";
  return new GantryError(error.code, `${prefix}${error.message}`, {
    cause: error.cause,
    exitCode: error.exitCode === 127 ? 127 : 126,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
