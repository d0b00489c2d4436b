import type { ContainerInspect, ContainerSummary } from "../../api/container.ts";
import type { Config, StringSet } from "../../api/container-config.ts";
import type { HostConfig, PortBinding, ThrottleDevice } from "../../api/host-config.ts";
import type { Container } from "../../engine/container/container.ts";
import type { ContainerConfig, DeviceRate } from "../../engine/container/container-config.ts";
import { describeEndpoints, describeNetworkSettings, networkModeOf, summarizePorts } from "./container-network.ts";
import { describeState, formatStatus } from "./container-status.ts";
import { type AskedMounts, describeAskedMounts, describeMountPoints } from "./describe-mounts.ts";
import { sortedRecord } from "./sorted-record.ts";
import { formatTimestamp } from "./timestamp.ts";

export interface ContainerSize {
  readonly writtenBytes: number;
  readonly totalBytes: number;
}

/** `GET /containers/{id}/json`. */
export function describeContainer(container: Container, size?: ContainerSize): ContainerInspect {
  const [path = "", ...args] = container.args;
  const asked = describeAskedMounts(container.config.mounts ?? []);
  return {
    Id: container.id,
    Created: formatTimestamp(container.createdAtNs),
    Path: path,
    Args: args,
    State: describeState(container),
    Image: container.image.id,
    ResolvConfPath: container.paths.resolvConf,
    HostnamePath: container.paths.hostname,
    HostsPath: container.paths.hosts,
    LogPath: container.paths.log,
    Name: `/${container.name}`,
    RestartCount: 0,
    Driver: "overlay2",
    Platform: container.image.platform.split("/")[0] ?? "linux",
    MountLabel: container.confinement?.mountLabel ?? "",
    ProcessLabel: container.confinement?.processLabel ?? "",
    AppArmorProfile: container.confinement?.appArmorProfile ?? "",
    ExecIDs: container.execIds.length === 0 ? null : container.execIds,
    HostConfig: describeHostConfig(container, asked),
    GraphDriver: { Data: null, Name: "overlay2" },
    ...(size === undefined ? {} : { SizeRw: size.writtenBytes, SizeRootFs: size.totalBytes }),
    Mounts: describeMountPoints(container),
    Config: describeConfig(container, asked),
    NetworkSettings: describeNetworkSettings(container),
  };
}

/** One line of `GET /containers/json`. */
export function summarizeContainer(container: Container, nowMs: number, size?: ContainerSize): ContainerSummary {
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.config.image,
    ImageID: container.image.id,
    Command: formatCommand(container.args),
    Created: Number(container.createdAtNs / 1_000_000_000n),
    Ports: summarizePorts(container),
    ...(size === undefined ? {} : { SizeRw: size.writtenBytes, SizeRootFs: size.totalBytes }),
    Labels: sortedRecord(container.effective.labels),
    State: container.state.status,
    Status: formatStatus(container, nowMs),
    HostConfig: { NetworkMode: networkModeOf(container) },
    NetworkSettings: { Networks: describeEndpoints(container) },
    Mounts: describeMountPoints(container),
  };
}

/** The command in one line; arguments with spaces are quoted, as Docker's lists do it. */
function formatCommand([program = "", ...args]: readonly string[]): string {
  return [program, ...args.map((argument) => (argument.includes(" ") ? `'${argument}'` : argument))].join(" ");
}

function describeConfig({ config, effective }: Container, asked: AskedMounts): Config {
  const volumes: StringSet = { ...setOf(effective.volumes), ...asked.Volumes };
  return {
    Hostname: effective.hostname,
    Domainname: config.domainname ?? "",
    User: effective.user,
    AttachStdin: config.attach?.stdin ?? false,
    AttachStdout: config.attach?.stdout ?? false,
    AttachStderr: config.attach?.stderr ?? false,
    ...(effective.exposedPorts.length === 0 ? {} : { ExposedPorts: setOf(effective.exposedPorts) }),
    Tty: config.tty ?? false,
    OpenStdin: config.openStdin ?? false,
    StdinOnce: config.stdinOnce ?? false,
    Env: effective.env,
    Cmd: effective.command.length === 0 ? null : effective.command,
    Image: config.image,
    Volumes: Object.keys(volumes).length === 0 ? null : sortedRecord(volumes),
    WorkingDir: effective.workingDirectory,
    Entrypoint: effective.entrypoint.length === 0 ? null : effective.entrypoint,
    OnBuild: null,
    Labels: sortedRecord(effective.labels),
    ...(effective.stopSignal === "" ? {} : { StopSignal: effective.stopSignal }),
    ...(config.stopTimeoutSeconds === undefined ? {} : { StopTimeout: config.stopTimeoutSeconds }),
  };
}

function setOf(names: readonly string[]): StringSet {
  return sortedRecord(Object.fromEntries(names.map((name) => [name, {}])));
}

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

function describeHostConfig(container: Container, asked: AskedMounts): HostConfig {
  const { config } = container;
  const { resources = {}, security = {}, namespaces = {}, network = {} } = config;
  return {
    Binds: asked.Binds,
    ContainerIDFile: "",
    LogConfig: { Type: "json-file", Config: describeLog(config.log) },
    NetworkMode: networkModeOf(container),
    PortBindings: describePublished(network.publish ?? []),
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: config.autoRemove ?? false,
    VolumeDriver: "",
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    ...(config.annotations === undefined ? {} : { Annotations: sortedRecord(config.annotations) }),
    CapAdd: security.capAdd ?? null,
    CapDrop: security.capDrop ?? null,
    CgroupnsMode: namespaces.cgroup ?? "",
    Dns: network.dns ?? [],
    DnsOptions: network.dnsOptions ?? [],
    DnsSearch: network.dnsSearch ?? [],
    ExtraHosts: network.extraHosts ?? null,
    GroupAdd: config.groups ?? null,
    IpcMode: namespaces.ipc ?? "private",
    Cgroup: "",
    Links: null,
    OomScoreAdj: config.oomScoreAdj ?? 0,
    PidMode: namespaces.pid ?? "",
    Privileged: security.privileged ?? false,
    PublishAllPorts: network.publishAll ?? false,
    ReadonlyRootfs: security.readOnlyRootfs ?? false,
    SecurityOpt: describeSecurity(security),
    ...(asked.Tmpfs === undefined ? {} : { Tmpfs: sortedRecord(asked.Tmpfs) }),
    UTSMode: namespaces.uts ?? "",
    UsernsMode: "",
    ...(config.sysctls === undefined ? {} : { Sysctls: sortedRecord(config.sysctls) }),
    ShmSize: config.shmSizeBytes ?? DEFAULT_SHM_BYTES,
    Runtime: "gantry",
    Isolation: "",
    CpuShares: resources.cpuShares ?? 0,
    Memory: resources.memoryBytes ?? 0,
    NanoCpus: resources.nanoCpus ?? 0,
    CgroupParent: resources.cgroupParent ?? "",
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioWeightDevice: (resources.blkioWeightDevices ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: describeRates(resources.readBytesPerSecond),
    BlkioDeviceWriteBps: describeRates(resources.writeBytesPerSecond),
    BlkioDeviceReadIOps: describeRates(resources.readsPerSecond),
    BlkioDeviceWriteIOps: describeRates(resources.writesPerSecond),
    CpuPeriod: resources.cpuPeriod ?? 0,
    CpuQuota: resources.cpuQuota ?? 0,
    CpuRealtimePeriod: resources.cpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: resources.cpuRealtimeRuntime ?? 0,
    CpusetCpus: resources.cpusetCpus ?? "",
    CpusetMems: resources.cpusetMems ?? "",
    Devices: (security.devices ?? []).map((device) => ({
      PathOnHost: device.pathOnHost,
      PathInContainer: device.pathInContainer,
      CgroupPermissions: device.permissions,
    })),
    DeviceCgroupRules: resources.deviceRules ?? null,
    DeviceRequests: null,
    MemoryReservation: resources.memoryReservationBytes ?? 0,
    MemorySwap: resources.memorySwapBytes ?? (resources.memoryBytes ?? 0) * 2,
    MemorySwappiness: resources.memorySwappiness ?? null,
    OomKillDisable: resources.oomKillDisable ?? null,
    PidsLimit: resources.pidsLimit ?? null,
    Ulimits: (resources.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    ...(asked.Mounts === undefined ? {} : { Mounts: asked.Mounts }),
    MaskedPaths: null,
    ReadonlyPaths: null,
    ...(config.init === undefined ? {} : { Init: config.init }),
  };
}

function describeRates(rates: readonly DeviceRate[] | undefined): readonly ThrottleDevice[] {
  return (rates ?? []).map(({ path, rate }) => ({ Path: path, Rate: rate }));
}

function describeLog(log: ContainerConfig["log"]): Readonly<Record<string, string>> {
  return {
    ...(log?.maxSizeBytes === undefined ? {} : { "max-size": String(log.maxSizeBytes) }),
    ...(log?.maxFiles === undefined ? {} : { "max-file": String(log.maxFiles) }),
  };
}

function describeSecurity(security: NonNullable<ContainerConfig["security"]>): readonly string[] | null {
  const options: string[] = [];
  if (security.noNewPrivileges !== undefined) {
    options.push(security.noNewPrivileges ? "no-new-privileges" : "no-new-privileges=false");
  }
  if (security.seccomp !== undefined) options.push(`seccomp=${security.seccomp}`);
  if (security.appArmorProfile !== undefined) options.push(`apparmor=${security.appArmorProfile}`);
  for (const label of security.labels ?? []) options.push(`label=${label}`);
  return options.length === 0 ? null : options;
}

function describePublished(
  publish: NonNullable<NonNullable<ContainerConfig["network"]>["publish"]>,
): Readonly<Record<string, readonly PortBinding[]>> {
  const ports: Record<string, PortBinding[]> = {};
  for (const { containerPort, protocol, hostAddress, hostPort } of publish) {
    const bindings = ports[`${containerPort}/${protocol}`] ?? [];
    bindings.push({ HostIp: hostAddress ?? "", HostPort: hostPort ? String(hostPort) : "" });
    ports[`${containerPort}/${protocol}`] = bindings;
  }
  return sortedRecord(ports);
}
