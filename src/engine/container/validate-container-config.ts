import { GantryError } from "../../errors/gantry-error.ts";
import type {
  ContainerConfig,
  MountConfig,
  NamespaceConfig,
  NetworkConfig,
  ResourceConfig,
} from "./container-config.ts";
import { RLIMITS } from "./container-resources.ts";
import { parseSignal } from "./container-signal.ts";
import { formatCpuSet, parseCpuSet } from "./cpu-set.ts";
import { normalTarget } from "./mount-target.ts";
import { sysctlProblems } from "./sysctl-problems.ts";
import { parseTmpfsOptions } from "./tmpfs-options.ts";

/** What limits on this host can be measured against. */
export interface HostLimits {
  readonly cpus: readonly number[];
  readonly memoryNodes: readonly number[];
}

const MEBIBYTE = 1024 * 1024;
const MIN_MEMORY_BYTES = 6 * MEBIBYTE;
const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

/**
 * Looks for everything in a request that cannot work, without looking at the host's files.
 *
 * @throws `invalid-argument` with all problems, in Docker's words where it has them.
 */
export function validateContainerConfig(config: ContainerConfig, host: HostLimits): void {
  const problems = [
    ...processProblems(config),
    ...resourceProblems(config.resources ?? {}, host),
    ...mountProblems(config.mounts ?? []),
    ...namespaceProblems(config.namespaces ?? {}),
    ...networkProblems(config, config.network ?? {}),
    ...securityProblems(config),
    ...sysctlProblems(config),
  ];
  if (problems.length > 0) throw new GantryError("invalid-argument", problems.join("; "));
}

/** What of limits cannot work on this host, in Docker's words where it has them. */
export function validateResources(resources: ResourceConfig, host: HostLimits): readonly string[] {
  return [...resourceProblems(resources, host)];
}

function* processProblems(config: ContainerConfig): Generator<string> {
  const { workingDirectory, stopSignal, stopTimeoutSeconds, shmSizeBytes } = config;
  if (config.image === "") yield "no image was named";
  if (workingDirectory !== undefined && workingDirectory !== "" && !workingDirectory.startsWith("/")) {
    yield `the working directory '${workingDirectory}' is invalid, it needs to be an absolute path`;
  }
  if (stopSignal !== undefined && stopSignal !== "") yield* refusal(() => parseSignal(stopSignal));
  if (stopTimeoutSeconds !== undefined && !Number.isInteger(stopTimeoutSeconds))
    yield "the stop timeout is no whole number of seconds";
  if (Math.abs(config.oomScoreAdj ?? 0) > 1000) {
    yield `Invalid value ${config.oomScoreAdj}, range for oom score adj is [-1000, 1000]`;
  }
  if (shmSizeBytes !== undefined && !(shmSizeBytes >= 0)) yield "SHM size can not be less than 0";
  if ((config.hostname?.length ?? 0) > 64)
    yield `invalid hostname "${config.hostname}": the kernel takes at most 64 characters`;
  if ((config.domainname?.length ?? 0) > 64)
    yield `invalid domain name "${config.domainname}": the kernel takes at most 64 characters`;
  for (const entry of config.env ?? []) {
    if (entry === "" || entry.startsWith("=")) yield `invalid environment variable: ${entry}`;
  }
  const texts = [
    ...(config.entrypoint ?? []),
    ...(config.command ?? []),
    ...(config.env ?? []),
    config.workingDirectory,
    config.user,
  ];
  if (texts.some((text) => text?.includes("\0") === true))
    yield "arguments, environment, folder and user cannot hold NUL bytes";
}

function* resourceProblems(resources: ResourceConfig, host: HostLimits): Generator<string> {
  const { memoryBytes = 0, memorySwapBytes = 0, memoryReservationBytes = 0, nanoCpus = 0 } = resources;
  const { cpuShares = 0, cpuPeriod = 0, cpuQuota = 0 } = resources;
  for (const [name, value] of Object.entries(resources)) {
    if (typeof value === "number" && !Number.isSafeInteger(value)) yield `${name} is no whole number`;
  }
  if (memoryBytes !== 0 && memoryBytes < MIN_MEMORY_BYTES) yield "Minimum memory limit allowed is 6MB";
  if (memorySwapBytes < -1) yield "the memory and swap limit can not be less than -1";
  if (memorySwapBytes > 0 && memoryBytes === 0) {
    yield "You should always set the Memory limit when using Memoryswap limit, see usage";
  } else if (memorySwapBytes > 0 && memorySwapBytes < memoryBytes) {
    yield "Minimum memoryswap limit should be larger than memory limit, see usage";
  }
  if (memoryReservationBytes !== 0 && memoryReservationBytes < MIN_MEMORY_BYTES) {
    yield "Minimum memory reservation allowed is 6MB";
  } else if (memoryReservationBytes > 0 && memoryBytes > 0 && memoryBytes < memoryReservationBytes) {
    yield "Minimum memory limit can not be less than memory reservation limit, see usage";
  }
  if (nanoCpus !== 0 && cpuPeriod !== 0) yield "Conflicting options: Nano CPUs and CPU Period cannot both be set";
  if (nanoCpus !== 0 && cpuQuota !== 0) yield "Conflicting options: Nano CPUs and CPU Quota cannot both be set";
  const count = host.cpus.length;
  if (nanoCpus !== 0 && (nanoCpus < 10_000_000 || nanoCpus > count * 1e9)) {
    yield `Range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`;
  }
  if (cpuShares < 0) yield `invalid CPU shares (${cpuShares}): value must be a positive integer`;
  if (cpuPeriod !== 0 && (cpuPeriod < 1000 || cpuPeriod > 1_000_000)) {
    yield "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)";
  }
  if (cpuQuota > 0 && cpuQuota < 1000) yield "CPU cfs quota can not be less than 1ms (i.e. 1000)";
  yield* cpuSetProblems("CPUs", "cpus", resources.cpusetCpus, host.cpus);
  yield* cpuSetProblems("memory nodes", "mems", resources.cpusetMems, host.memoryNodes);
  yield* furtherLimitProblems(resources);
  if ((resources.pidsLimit ?? 0) < -1) yield `invalid pids limit ${resources.pidsLimit}: -1 is no limit`;
}

function* furtherLimitProblems(resources: ResourceConfig): Generator<string> {
  const { blkioWeight = 0, memorySwappiness = -1, cpuRealtimePeriod = 0, cpuRealtimeRuntime = 0 } = resources;
  if (blkioWeight !== 0 && (blkioWeight < 10 || blkioWeight > 1000)) yield "Range of blkio weight is from 10 to 1000";
  for (const { path, weight } of resources.blkioWeightDevices ?? []) {
    if (weight !== 0 && (weight < 10 || weight > 1000)) yield `invalid weight for device: ${path}:${weight}`;
  }
  if (memorySwappiness < -1 || memorySwappiness > 100) {
    yield `Invalid value: ${memorySwappiness}, valid memory swappiness range is 0-100`;
  }
  if (cpuRealtimePeriod < 0) yield `invalid CPU real-time period: ${cpuRealtimePeriod}`;
  if (cpuRealtimePeriod > 0 && cpuRealtimeRuntime > cpuRealtimePeriod) {
    yield "cpu real-time runtime cannot be higher than cpu real-time period";
  }
  for (const rule of resources.deviceRules ?? []) {
    if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(rule)) {
      yield `invalid device cgroup rule format: '${rule}'`;
    }
  }
  for (const { name, soft, hard } of resources.ulimits ?? []) {
    if (RLIMITS[name] === undefined) yield `invalid ulimit type: ${name}`;
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      yield `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`;
    }
  }
  if (resources.cgroupParent?.split("/").includes("..") === true) {
    yield `the control group's parent leads out of where it begins: ${resources.cgroupParent}`;
  }
}

function* cpuSetProblems(
  what: string,
  name: string,
  text: string | undefined,
  available: readonly number[],
): Generator<string> {
  if (text === undefined || text === "") return;
  const wanted = parseCpuSet(text);
  if (wanted === undefined) yield `Invalid value ${text} for cpuset ${name}`;
  else if (wanted.some((one) => !available.includes(one))) {
    yield `Requested ${what} are not available - requested ${text}, available: ${formatCpuSet(available)}`;
  }
}

function* mountProblems(mounts: readonly MountConfig[]): Generator<string> {
  const targets = new Set<string>();
  for (const mount of mounts) {
    const invalid = (why: string): string => `invalid mount config for type "${mount.type}": ${why}`;
    const target = normalTarget(mount.target);
    if (mount.target === "") yield invalid("field Target must not be empty");
    else if (!mount.target.startsWith("/")) yield `invalid mount path: '${mount.target}' mount path must be absolute`;
    else if (target === "/") yield "invalid specification: destination can't be '/'";
    else if (targets.has(target)) yield `Duplicate mount point: ${target}`;
    targets.add(target);
    if (mount.target.includes("\0")) yield invalid("the target holds a NUL byte");
    if (mount.type === "bind") {
      if (!mount.source.startsWith("/"))
        yield invalid(`invalid mount path: '${mount.source}' mount path must be absolute`);
      if (mount.source.includes("\0")) yield invalid("the source holds a NUL byte");
      if (mount.propagation !== undefined && mount.propagation !== "" && !PROPAGATIONS.includes(mount.propagation)) {
        yield invalid(`invalid propagation mode: ${mount.propagation}`);
      }
    } else if (mount.type === "volume") {
      if (mount.name !== undefined) yield* volumeNameProblems(mount.name);
    } else {
      if (mount.sizeBytes !== undefined && !(mount.sizeBytes >= 0)) yield invalid("the size can not be less than 0");
      yield* refusal(() => parseTmpfsOptions(mount.options ?? []));
    }
  }
}

function* volumeNameProblems(name: string): Generator<string> {
  if (name.length === 1) yield "volume name is too short, names should be at least two alphanumeric characters";
  else if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name) || name.length > 255) {
    yield `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`;
  }
}

const NAMESPACE_MODES = {
  pid: ["host", "private"],
  ipc: ["none", "host", "private", "shareable"],
  uts: ["host", "private"],
  cgroup: ["host", "private"],
} as const;

function* namespaceProblems(namespaces: NamespaceConfig): Generator<string> {
  for (const kind of ["pid", "ipc", "uts", "cgroup"] as const) {
    const mode = namespaces[kind] ?? "";
    const known: readonly string[] = NAMESPACE_MODES[kind];
    const isJoin = (kind === "pid" || kind === "ipc") && /^container:./.test(mode);
    if (mode !== "" && !known.includes(mode) && !isJoin) yield `invalid ${kind.toUpperCase()} mode: ${mode}`;
  }
}

function* networkProblems(config: ContainerConfig, network: NetworkConfig): Generator<string> {
  const mode = network.mode ?? "";
  const given = (list: readonly unknown[] | undefined): boolean => (list?.length ?? 0) > 0;
  if (mode.startsWith("container")) {
    if (!/^container:./.test(mode)) yield `invalid network mode: ${mode}`;
    if (config.hostname) yield "conflicting options: hostname and the network mode";
    if (given(network.dns)) yield "conflicting options: dns and the network mode";
    if (given(network.extraHosts)) yield "conflicting options: custom host-to-IP mapping and the network mode";
    if (network.macAddress) yield "conflicting options: mac-address and the network mode";
    if (given(network.publish) || network.publishAll === true) {
      yield "conflicting options: port publishing and the container type network mode";
    } else if (given(network.exposedPorts)) {
      // Clients expose what they publish: one sentence of it is enough.
      yield "conflicting options: port exposing and the container type network mode";
    }
  }
  if (config.namespaces?.uts === "host" && config.hostname) yield "conflicting options: hostname and the UTS mode";
  if (network.macAddress && !/^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/.test(network.macAddress)) {
    yield `${network.macAddress} is not a valid mac address`;
  }
  for (const port of network.publish ?? []) {
    if (!isPort(port.containerPort) || port.containerPort === 0) yield `invalid container port: ${port.containerPort}`;
    if (port.hostPort !== undefined && !isPort(port.hostPort)) yield `invalid host port: ${port.hostPort}`;
  }
  for (const port of network.exposedPorts ?? []) {
    if (!/^[0-9]{1,5}(\/(tcp|udp|sctp))?$/.test(port) || Number.parseInt(port, 10) > 65535)
      yield `invalid exposed port: ${port}`;
  }
  for (const entry of network.extraHosts ?? []) {
    if (!/^[^:=\s]+[:=]\S+$/.test(entry)) yield `bad format for add-host: "${entry}"`;
  }
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65535;
}

function* securityProblems(config: ContainerConfig): Generator<string> {
  for (const device of config.security?.devices ?? []) {
    if (!device.pathOnHost.startsWith("/")) yield `the device's path on the host is not absolute: ${device.pathOnHost}`;
    if (!device.pathInContainer.startsWith("/"))
      yield `the device's path in the container is not absolute: ${device.pathInContainer}`;
    if (!/^[rwm]{1,3}$/.test(device.permissions))
      yield `invalid device permissions for ${device.pathOnHost}: ${device.permissions}`;
  }
}

function* refusal(parse: () => unknown): Generator<string> {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    yield error.message;
  }
}
