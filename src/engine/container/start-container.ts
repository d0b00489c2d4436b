import { existsSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { readHostCgroupOptions } from "../../runtime/cgroup/host-cgroup-options.ts";
import { planContainer } from "../../runtime/plan/index.ts";
import { inSpan, NO_TRACE, type Trace } from "../../trace/trace.ts";
import type { EngineCgroup, EngineEndpoint, EngineLaunch, EngineMonitor } from "../dependencies.ts";
import type { Engine } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";
import { Undo } from "../undo.ts";
import { attachEvents } from "./attachment-events.ts";
import { confineStart, labelFiles } from "./confine-start.ts";
import { writeContainerFiles } from "./container-files.ts";
import { networkOf } from "./container-network.ts";
import type { ContainerRecord } from "./container-record.ts";
import { forProcess } from "./container-security.ts";
import { watchContainer } from "./end-container.ts";
import { parseNamespaceMode, parseNetworkMode } from "./namespace-mode.ts";
import { planContainerSpec } from "./plan-container-spec.ts";
import { gatherStartFacts, joinNamespaces } from "./prepare-start.ts";
import { removeLocked } from "./remove-container.ts";
import { ROOT_LINKS } from "./root-links.ts";

const DEFAULT_LOG_BYTES = 20 * 1024 * 1024;
const DEFAULT_LOG_FILES = 5;
const GIVE_UP_MS = 2000;

/** Starts a container. What fails leaves nothing behind but the reason in the container's state. */
export async function startContainer(
  context: EngineContext,
  name: string,
  options: Parameters<Engine["start"]>[1] = {},
): Promise<"started" | "already-started"> {
  const { id } = context.records.resolve(name);
  const { after, signal } = options;
  if (after !== undefined) await context.live(id).gathering.complete(after.gathering, after.count, signal);
  return await context.locks.run(id, async () => {
    const record = context.records.require(id);
    if (context.live(id).isBeingRemoved) {
      throw new GantryError("conflict", "container is marked for removal and cannot be started");
    }
    if (record.state.status === "running") return "already-started";
    if (record.state.status === "paused") {
      throw new GantryError("conflict", "cannot start a paused container, try unpause instead");
    }
    context.live(id).trace = options.trace ?? NO_TRACE;
    const undo = new Undo();
    try {
      await launch(context, record, undo);
      return "started";
    } catch (error) {
      await undo.run(context.warnOf(`cannot clean up after the failed start of ${record.name}`));
      const failure = explain(error, record);
      await recordFailure(context, id, failure);
      throw failure;
    }
  });
}

async function launch(context: EngineContext, known: ContainerRecord, undo: Undo): Promise<void> {
  const { id, config } = known;
  const { parts, paths } = context;
  const live = context.live(id);
  const { trace } = live;
  const mode = parseNetworkMode(known.network?.mode);
  const plainMode = mode.kind === "plain" ? mode.name : "container";
  const confinement = await confineStart(context, known);
  const record = { ...known, confinement };
  rmSync(paths.exitRecord(id), { force: true });
  rmSync(paths.socket(id), { force: true });

  const endpoint = plainMode === "bridge" ? await allocate(context, record, undo) : undefined;
  using joined = joinNamespaces(context, record, undo);
  const facts = await inSpan(trace, "gather the facts", async () => {
    writeContainerFiles(context, record, { mode: plainMode, ...(endpoint === undefined ? {} : { endpoint }) });
    await labelFiles(context, record, { filesOf: joined.filesOf, mountLabel: confinement.mountLabel });
    return gatherStartFacts(context, record, { ...joined, sandbox: parts.network.sandbox(id) });
  });
  const spec = planContainerSpec(record, facts);

  const isSwapDefault = !config.resources?.memorySwapBytes;
  const cgroup = await inSpan(trace, "make the cgroup", () =>
    parts.cgroups.create(id, spec.linux?.resources ?? {}, {
      isSwapDefault,
      ...(config.resources?.cgroupParent === undefined ? {} : { parent: config.resources.cgroupParent }),
    }),
  );
  undo.push(async () => {
    await cgroup.kill();
    await cgroup.remove();
  });
  const plan = planContainer(spec, {
    rootfs: { type: "overlay", lower: record.snapshot.lower, upper: paths.upper(id), work: paths.work(id) },
    cgroups: cgroup.folders,
    cgroupOptions: readHostCgroupOptions(spec),
    ...(facts.seccomp === undefined
      ? {}
      : { seccomp: forProcess(facts.seccomp, { id, status: "creating", bundle: paths.directory(id) }) }),
    init: config.init === true && isOwn(record.config.namespaces?.pid),
    links: ROOT_LINKS,
    hasKcore: existsSync("/proc/kcore"),
    security: parts.security.facts,
  });

  // From here on a daemon that takes over finds what this one began.
  context.records.update({ ...record, run: { bootId: parts.bootId } }, []);
  const launch: EngineLaunch = {
    id,
    socketPath: paths.socket(id),
    exitPath: paths.exitRecord(id),
    log: {
      directory: paths.files(id).log,
      maxSizeBytes: config.log?.maxSizeBytes ?? DEFAULT_LOG_BYTES,
      maxFiles: config.log?.maxFiles ?? DEFAULT_LOG_FILES,
    },
    tty: config.tty === true,
    ...(config.consoleSize === undefined ? {} : { consoleSize: config.consoleSize }),
    openStdin: config.openStdin === true,
    stdinOnce: config.stdinOnce === true,
    plan,
  };
  const monitor = await inSpan(trace, "launch the monitor", () => parts.supervisor.launch(launch));
  undo.push(() => giveUp(monitor, cgroup));

  await both(monitor.ready(), plugIn(context, { mode: plainMode, endpoint, pid: monitor.init.pid, trace }));
  parts.network.letGo(id);
  await inSpan(trace, "attach, execute the program", async () => {
    await live.connect(monitor);
    await monitor.start();
  });
  traceInit(trace, monitor);

  context.records.update(
    {
      ...record,
      state: {
        status: "running",
        pid: monitor.init.pid,
        exitCode: 0,
        oomKilled: false,
        error: "",
        startedAtNs: parts.clock.nowNs(),
        ...(record.state.finishedAtNs === undefined ? {} : { finishedAtNs: record.state.finishedAtNs }),
      },
      network: networkOf(context, record, endpoint),
      run: { bootId: parts.bootId, init: monitor.init, monitor: monitor.monitor },
    },
    [...attachEvents(context, record), context.event(record, "start")],
  );
  undo.forget();
  live.hasProcess(monitor, cgroup);
  watchContainer(context, id, monitor);
}

/** What the monitor and init did, by their own clock. */
function traceInit(trace: Trace, { times }: EngineMonitor): void {
  const lane = trace.lane("monitor");
  lane.add("make init and its namespaces", times.beganUs, times.clonedUs);
  lane.add("assemble the root", times.clonedUs, times.readyUs);
}

function isOwn(mode: string | undefined): boolean {
  const pid = parseNamespaceMode(mode, "private");
  return pid.kind === "plain" && pid.name === "private";
}

async function allocate(context: EngineContext, record: ContainerRecord, undo: Undo): Promise<EngineEndpoint> {
  const { network = {} } = record.config;
  using _span = context.live(record.id).trace.span("choose an address");
  undo.push(() => context.parts.network.release(record.id));
  const published = new Set((network.publish ?? []).map((port) => `${port.containerPort}/${port.protocol}`));
  const exposed = network.publishAll === true ? record.effective.exposedPorts : [];
  return await context.parts.network.allocate(record.id, {
    network: "bridge",
    hostname: record.effective.hostname,
    takesSandbox: true,
    ports: [
      ...(network.publish ?? []),
      ...exposed
        .filter((port) => !published.has(port))
        .map((port) => {
          const [number = "", protocol] = port.split("/");
          return { containerPort: Number(number), protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const) };
        }),
    ],
    ...(network.macAddress ? { mac: network.macAddress } : {}),
  });
}

/** Ends what was launched, whether its program was let go already (and could not be executed) or not. */
async function giveUp(monitor: EngineMonitor, cgroup: EngineCgroup): Promise<void> {
  try {
    await monitor.abandon();
  } catch (error) {
    if (!isGantryError(error, "conflict")) throw error;
    await cgroup.kill();
    await Promise.race([monitor.exited, delay(GIVE_UP_MS, undefined, { ref: false })]);
  }
  monitor.disconnect();
}

async function plugIn(
  context: EngineContext,
  options: {
    readonly mode: string;
    readonly endpoint: EngineEndpoint | undefined;
    readonly pid: number;
    readonly trace: Trace;
  },
): Promise<void> {
  using _span = options.trace.span("connect the network");
  if (options.endpoint !== undefined) await context.parts.network.connect(options.endpoint, options.pid);
  else if (options.mode === "none") context.parts.network.loopback(options.pid);
}

/**
 * Both at once; when one fails the other is waited for all the same, so that what follows finds nothing in motion. When
 * both fail it is the first that is told: an init that ends takes its network namespace along, and the step that it
 * failed at is the reason of both.
 */
async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([first, second])) if (result.status === "rejected") throw result.reason;
}

function explain(error: unknown, record: ContainerRecord): GantryError {
  if (!isGantryError(error)) {
    return new GantryError("internal", `cannot start container ${record.name}`, { cause: error, exitCode: 125 });
  }
  return new GantryError(error.code, `failed to start container ${record.name}: ${error.message}`, {
    cause: error.cause,
    exitCode: error.exitCode ?? 125,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** The reason becomes a part of the container; one that removes itself is removed at once. */
async function recordFailure(context: EngineContext, id: string, failure: GantryError): Promise<void> {
  const record = context.records.get(id);
  const live = context.live(id);
  live.hasNoProcess();
  live.dropSessions();
  if (record === undefined) return;
  const { run: _run, ...rest } = record;
  const exitCode = failure.exitCode === 126 || failure.exitCode === 127 ? failure.exitCode : 128;
  const isFirst = record.state.status === "created";
  const state = { ...record.state, status: isFirst ? ("created" as const) : ("exited" as const), pid: 0, exitCode };
  try {
    context.records.update({ ...rest, state: { ...state, error: failure.message } }, []);
    if (record.config.autoRemove === true) await removeLocked(context, id, { volumes: true });
  } catch (error) {
    context.warnOf(`cannot record why container ${record.name} did not start`)(error);
  }
}
