import type { Config, CreateContainerRequest } from "../../api/container-config.ts";
import type { HostConfig, Mount } from "../../api/host-config.ts";
import type { EndpointSettings } from "../../api/network.ts";
import { absent, absentList, type FieldTable, harmless, served } from "./field-rules.ts";

const WINDOWS = "it is for Windows; here it asks for nothing";

/** Every field of the portable half of a create request. */
const CONFIG: FieldTable<Config> = {
  Hostname: served("text"),
  Domainname: served("text"),
  User: served("text"),
  AttachStdin: served("flag"),
  AttachStdout: served("flag"),
  AttachStderr: served("flag"),
  ExposedPorts: served("set"),
  Tty: served("flag"),
  OpenStdin: served("flag"),
  StdinOnce: served("flag"),
  Env: served("texts"),
  Cmd: served("texts"),
  // `--no-healthcheck` asks for what is the case.
  Healthcheck: absent("--health-cmd", { Test: ["NONE"] }),
  ArgsEscaped: harmless(WINDOWS),
  Image: served("text"),
  Volumes: served("set"),
  WorkingDir: served("text"),
  Entrypoint: served("texts"),
  NetworkDisabled: absent(""),
  MacAddress: served("text"),
  OnBuild: harmless("it is told to builds from an image of this container, and it is no image"),
  Labels: served("text-map"),
  StopSignal: served("text"),
  StopTimeout: served("integer"),
  Shell: harmless("it is told to builds from an image of this container, and it is no image"),
};

export const CREATE_FIELDS: FieldTable<CreateContainerRequest> = {
  ...CONFIG,
  HostConfig: served("object"),
  NetworkingConfig: served("object"),
};

/** Every field of the half that depends on the host. */
export const HOST_CONFIG_FIELDS: FieldTable<HostConfig> = {
  Binds: served("texts"),
  ContainerIDFile: harmless("the client writes that file"),
  LogConfig: served("object"),
  NetworkMode: served("text"),
  PortBindings: served("port-map"),
  RestartPolicy: absent("--restart", { Name: "no" }, { Name: "no", MaximumRetryCount: 0 }),
  AutoRemove: served("flag"),
  VolumeDriver: absent("--volume-driver", "local"),
  VolumesFrom: absent("--volumes-from"),
  ConsoleSize: harmless("the client resizes the terminal when the container has started"),
  Annotations: served("text-map"),
  CapAdd: served("texts"),
  CapDrop: served("texts"),
  CgroupnsMode: served("text"),
  Dns: served("texts"),
  DnsOptions: served("texts"),
  DnsSearch: served("texts"),
  ExtraHosts: served("texts"),
  GroupAdd: served("texts"),
  IpcMode: served("text"),
  Cgroup: absent("--cgroup"),
  Links: absent("--link"),
  OomScoreAdj: served("integer"),
  PidMode: served("text"),
  Privileged: served("flag"),
  PublishAllPorts: served("flag"),
  ReadonlyRootfs: served("flag"),
  SecurityOpt: served("texts"),
  StorageOpt: absent("--storage-opt"),
  Tmpfs: served("text-map"),
  UTSMode: served("text"),
  // There are no mapped users: the host's are what every container has.
  UsernsMode: absent("--userns", "host"),
  ShmSize: served("integer"),
  Sysctls: served("text-map"),
  Runtime: absent("--runtime", "gantry", "runc", "io.containerd.runc.v2"),
  Isolation: absent("--isolation", "default"),
  Mounts: served("objects"),
  MaskedPaths: absentList("--security-opt systempaths=unconfined"),
  ReadonlyPaths: absentList("--security-opt systempaths=unconfined"),
  Init: served("flag"),
  CpuShares: served("integer"),
  Memory: served("integer"),
  NanoCpus: served("integer"),
  CgroupParent: served("text"),
  BlkioWeight: served("integer"),
  BlkioWeightDevice: served("objects"),
  BlkioDeviceReadBps: served("objects"),
  BlkioDeviceWriteBps: served("objects"),
  BlkioDeviceReadIOps: served("objects"),
  BlkioDeviceWriteIOps: served("objects"),
  CpuPeriod: served("integer"),
  CpuQuota: served("integer"),
  CpuRealtimePeriod: served("integer"),
  CpuRealtimeRuntime: served("integer"),
  CpusetCpus: served("text"),
  CpusetMems: served("text"),
  Devices: served("objects"),
  DeviceCgroupRules: served("texts"),
  DeviceRequests: absent("--gpus"),
  KernelMemory: absent("--kernel-memory"),
  KernelMemoryTCP: absent(""),
  MemoryReservation: served("integer"),
  MemorySwap: served("integer"),
  MemorySwappiness: served("integer"),
  OomKillDisable: served("flag"),
  PidsLimit: served("integer"),
  Ulimits: served("objects"),
  CpuCount: absent("--cpu-count"),
  CpuPercent: absent("--cpu-percent"),
  IOMaximumIOps: absent("--io-maxiops"),
  IOMaximumBandwidth: absent("--io-maxbandwidth"),
};

export const MOUNT_FIELDS: FieldTable<Mount> = {
  Type: served("text"),
  Source: served("text"),
  Target: served("text"),
  ReadOnly: served("flag"),
  Consistency: harmless("it was for file sharing of Docker Desktop; here every mount is consistent"),
  BindOptions: served("object"),
  VolumeOptions: served("object"),
  ImageOptions: absent("--mount type=image"),
  TmpfsOptions: served("object"),
  ClusterOptions: absent("--mount type=cluster"),
};

export const BIND_OPTIONS_FIELDS: FieldTable<NonNullable<Mount["BindOptions"]>> = {
  Propagation: served("text"),
  NonRecursive: served("flag"),
  CreateMountpoint: served("flag"),
  ReadOnlyNonRecursive: absent("--mount bind-recursive=writable"),
  ReadOnlyForceRecursive: absent("--mount bind-recursive=readonly"),
};

export const VOLUME_OPTIONS_FIELDS: FieldTable<NonNullable<Mount["VolumeOptions"]>> = {
  NoCopy: served("flag"),
  Labels: served("text-map"),
  Subpath: absent("--mount volume-subpath"),
  DriverConfig: absent("--mount volume-driver", { Name: "local" }),
};

export const TMPFS_OPTIONS_FIELDS: FieldTable<NonNullable<Mount["TmpfsOptions"]>> = {
  SizeBytes: served("integer"),
  Mode: served("integer"),
  Options: absent("--mount tmpfs-options"),
};

export const ENDPOINT_FIELDS: FieldTable<EndpointSettings> = {
  IPAMConfig: absent("--ip"),
  Links: absent("--link"),
  Aliases: absent("--network-alias"),
  MacAddress: served("text"),
  DriverOpts: absent("--network driver-opt"),
  GwPriority: absent("--network gw-priority"),
  NetworkID: harmless("the daemon tells it, clients send back what they read"),
  EndpointID: harmless("the daemon tells it, clients send back what they read"),
  Gateway: harmless("the daemon tells it, clients send back what they read"),
  IPAddress: harmless("the daemon tells it, clients send back what they read"),
  IPPrefixLen: harmless("the daemon tells it, clients send back what they read"),
  IPv6Gateway: harmless("the daemon tells it, clients send back what they read"),
  GlobalIPv6Address: harmless("the daemon tells it, clients send back what they read"),
  GlobalIPv6PrefixLen: harmless("the daemon tells it, clients send back what they read"),
  DNSNames: harmless("the daemon tells it, clients send back what they read"),
};
