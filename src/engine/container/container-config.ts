/** What a caller asks for when it creates a container: the image's own settings fill what is left out here. */
export interface ContainerConfig {
  /** The image as the caller wrote it: a name, a digest or an id. */
  readonly image: string;
  /** Left out: the image's. Empty: none, so that `command` alone is run. */
  readonly entrypoint?: readonly string[];
  /** Left out: the image's, unless `entrypoint` is given. */
  readonly command?: readonly string[];
  /** `NAME=value`; laid over the image's. `NAME` alone removes it. */
  readonly env?: readonly string[];
  readonly workingDirectory?: string;
  /** `user[:group]`, names or numbers. */
  readonly user?: string;
  /** Further groups, names or numbers. */
  readonly groups?: readonly string[];
  /** Default: the first 12 digits of the container's id. */
  readonly hostname?: string;
  readonly domainname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  readonly openStdin?: boolean;
  /** Close stdin when the first attached client that gave input leaves. */
  readonly stdinOnce?: boolean;
  /** The terminal's first size; default: the kernel's, 0 by 0. */
  readonly consoleSize?: { readonly width: number; readonly height: number };
  /** Which streams the creator said it would attach to: told back by inspect, otherwise without effect. */
  readonly attach?: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** A name or a number; default: the image's, else SIGTERM. */
  readonly stopSignal?: string;
  /** How long `stop` waits before it kills; default 10. */
  readonly stopTimeoutSeconds?: number;
  readonly autoRemove?: boolean;
  readonly mounts?: readonly MountConfig[];
  readonly resources?: ResourceConfig;
  /** -1000 to 1000: whom the host kills first when memory is used up. */
  readonly oomScoreAdj?: number;
  readonly security?: SecurityConfig;
  readonly namespaces?: NamespaceConfig;
  readonly network?: NetworkConfig;
  /** Run a tiny init as process 1. */
  readonly init?: boolean;
  /** Bytes; default 64 MiB. */
  readonly shmSizeBytes?: number;
  /** `linux/amd64`-like; what the creator asked for. */
  readonly platform?: string;
  /** Of the OCI specification; those that begin with `org.gantry.` are Gantry's own. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Sysctls of the container's own namespaces, by name. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** How much of the output is kept. */
  readonly log?: LogConfig;
}

export type MountConfig =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      /** Default `rprivate`. */
      readonly propagation?: string;
      /** Make a folder of a missing source (`-v` does, `--mount` does not). */
      readonly createSource: boolean;
      /** Label the source for all containers (`z`) or for this one alone (`Z`), where there is SELinux. */
      readonly relabel?: "shared" | "private";
      /** Leave out what is mounted below the source. */
      readonly nonRecursive?: boolean;
    }
  | {
      readonly type: "volume";
      /** Left out: an anonymous one. */
      readonly name?: string;
      readonly target: string;
      readonly readOnly: boolean;
      /** Do not copy what the image has at the target into a new volume. */
      readonly noCopy?: boolean;
      readonly labels?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly sizeBytes?: number;
      /** Permission bits. */
      readonly mode?: number;
      /** Mount options as `--tmpfs` takes them (`rw`, `noexec`, `size=64m`, …). */
      readonly options?: readonly string[];
    };

export interface ResourceConfig {
  readonly memoryBytes?: number;
  /** Memory and swap together; -1: no limit. Default: twice the memory. */
  readonly memorySwapBytes?: number;
  readonly memoryReservationBytes?: number;
  /** Billionths of a processor, as `--cpus` times 1e9. */
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  /** Microseconds. */
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  /** Microseconds. */
  readonly cpuRealtimePeriod?: number;
  readonly cpuRealtimeRuntime?: number;
  /** -1 or 0: no limit. */
  readonly pidsLimit?: number;
  /** 0 to 100; -1: the kernel's own. */
  readonly memorySwappiness?: number;
  readonly oomKillDisable?: boolean;
  /** 10 to 1000. */
  readonly blkioWeight?: number;
  readonly blkioWeightDevices?: readonly { readonly path: string; readonly weight: number }[];
  readonly readBytesPerSecond?: readonly DeviceRate[];
  readonly writeBytesPerSecond?: readonly DeviceRate[];
  readonly readsPerSecond?: readonly DeviceRate[];
  readonly writesPerSecond?: readonly DeviceRate[];
  /** `c 42:* rwm` */
  readonly deviceRules?: readonly string[];
  /** A group that the container's is made in: absolute, or below the daemon's own. Default: the daemon's for containers. */
  readonly cgroupParent?: string;
  readonly ulimits?: readonly UlimitConfig[];
}

export interface DeviceRate {
  readonly path: string;
  readonly rate: number;
}

export interface UlimitConfig {
  /** `nofile` */
  readonly name: string;
  /** -1: no limit. */
  readonly soft: number;
  readonly hard: number;
}

export interface SecurityConfig {
  readonly privileged?: boolean;
  /** With or without `CAP_`; `ALL` for all. */
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly noNewPrivileges?: boolean;
  /** Docker's JSON profile itself, or `unconfined`; default: the built-in profile. */
  readonly seccomp?: string;
  /** A profile of AppArmor, or `unconfined`; default: Gantry's own. */
  readonly appArmorProfile?: string;
  /** SELinux: `disable`, or `user:`, `role:`, `type:`, `level:`, `filetype:` and a value. */
  readonly labels?: readonly string[];
  readonly readOnlyRootfs?: boolean;
  readonly devices?: readonly DeviceConfig[];
}

export interface DeviceConfig {
  readonly pathOnHost: string;
  readonly pathInContainer: string;
  /** Letters of `rwm`. */
  readonly permissions: string;
}

/** Values as Docker's flags take them: `host`, `private`, `shareable`, `none`, `container:<name|id>`; empty or left out: the default. */
export interface NamespaceConfig {
  readonly pid?: string;
  readonly ipc?: string;
  readonly uts?: string;
  readonly cgroup?: string;
}

export interface NetworkConfig {
  /** `bridge` (default), `none`, `host`, `container:<name|id>`. */
  readonly mode?: string;
  readonly publish?: readonly PublishConfig[];
  /** `-P`: every exposed port gets a port of the host. */
  readonly publishAll?: boolean;
  /** `80/tcp`, … */
  readonly exposedPorts?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
  /** `host:address`. */
  readonly extraHosts?: readonly string[];
  readonly macAddress?: string;
}

export interface PublishConfig {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  /** Default: every address of the host. */
  readonly hostAddress?: string;
  /** Left out or 0: one is chosen. */
  readonly hostPort?: number;
}

export interface LogConfig {
  /** Bytes of one file; default 20 MiB. */
  readonly maxSizeBytes?: number;
  /** Default 5. */
  readonly maxFiles?: number;
}
