import type { SecurityFacts } from "../linux/security/security-facts.ts";
import type { ContainerLabels } from "../linux/security/selinux-policy.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageConfig, Platform } from "../oci/image.ts";
import type { Resources } from "../oci/runtime-spec.ts";
import type { Database } from "../platform/sqlite.ts";
import type { Plan } from "../runtime/plan/steps.ts";
import type { ExitRecord, ProcessIdentity } from "../supervise/index.ts";

/** What the engine records about a mutation, in the same transaction. */
export interface EngineEvent {
  readonly type: "container" | "network" | "volume";
  readonly action: string;
  readonly actorId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
}

/** The root's database. */
export interface EngineState {
  readonly db: Database;
  /** Runs `body` in one transaction: all of it or nothing. */
  transaction<T>(body: () => T): T;
  readonly events: {
    /** Inside the caller's transaction. */
    append(event: {
      type: EngineEvent["type"];
      action: string;
      actorId: string;
      attributes: Record<string, string>;
      timeNs: bigint;
    }): void;
  };
}

export interface EngineImage {
  readonly id: Digest;
  readonly manifestDigest: Digest;
  readonly config: ImageConfig;
  readonly platform: Platform;
  readonly names: readonly string[];
}

/** Images by name, and their files. */
export interface EngineImages {
  /** @throws `not-found` */
  resolve(name: string, options?: { readonly platform?: Platform }): EngineImage;
  /** Unpacks what is not yet unpacked. */
  ensureSnapshot(image: EngineImage): Promise<{
    readonly chainId: string;
    /** Overlay lower folders, topmost first. */
    readonly lower: readonly string[];
  }>;
  /** Keeps an image and its layers for an owner, in the caller's transaction. Idempotent. */
  hold(owner: string, image: { readonly manifestDigest: Digest }): void;
  /** Ends what an owner holds, in the caller's transaction. Idempotent. */
  release(owner: string): void;
}

export interface EngineEndpoint {
  readonly containerId: string;
  readonly hostname: string;
  readonly aliases: readonly string[];
  readonly network: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
  readonly ports: readonly {
    readonly containerPort: number;
    readonly protocol: "tcp" | "udp";
    readonly hostAddress: string;
    readonly hostPort: number;
    readonly isOnIpv6?: boolean;
  }[];
}

export interface PortRequest {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostAddress?: string;
  readonly hostPort?: number;
}

/** Networks of this daemon, as far as a container's life needs them. */
export interface EngineNetwork {
  allocate(
    containerId: string,
    options: {
      readonly network: string;
      readonly hostname: string;
      readonly ports: readonly PortRequest[];
      readonly mac?: string;
      /** A network namespace that was made in advance will do. */
      readonly takesSandbox?: boolean;
    },
  ): Promise<EngineEndpoint>;
  /** The path of a network namespace to join that has the endpoint already; undefined: it is made with the process. */
  sandbox(containerId: string): string | undefined;
  /** The container's process is in its network namespace. Idempotent. */
  letGo(containerId: string): void;
  /** Plugs the endpoint into the network namespace of `pid` and publishes its ports. */
  connect(endpoint: EngineEndpoint, pid: number): Promise<void>;
  /** Only `lo`, up. */
  loopback(pid: number): void;
  inspect(name: string): { readonly id: string; readonly driver: string };
  /** What a container has been allocated. */
  endpoint(containerId: string): EngineEndpoint | undefined;
  /** Idempotent. */
  release(containerId: string): Promise<void>;
  recover(running: readonly { readonly containerId: string; readonly pid: number }[]): Promise<void>;
}

export interface EngineAttachment {
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  write(bytes: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
  close(): void;
}

/** A container's or an exec's parent process, as the engine drives it. */
export interface EngineMonitor {
  readonly init: ProcessIdentity;
  readonly monitor: ProcessIdentity;
  ready(): Promise<void>;
  start(): Promise<void>;
  abandon(): Promise<void>;
  resize(size: { readonly width: number; readonly height: number }): Promise<void>;
  attach(options: {
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
  }): Promise<EngineAttachment>;
  /** When it did what, microseconds of the monotonic clock: as far as that has happened, and a monitor of its age tells. */
  readonly times: {
    readonly beganUs?: number;
    readonly clonedUs?: number;
    readonly readyUs?: number;
    readonly startedUs?: number;
    readonly endedUs?: number;
  };
  /** Resolves after the end of stdio was delivered and the exit record written. */
  readonly exited: Promise<ExitRecord>;
  disconnect(): void;
}

export interface EngineLaunch {
  readonly id: string;
  readonly socketPath: string;
  readonly exitPath: string;
  readonly log?: { readonly directory: string; readonly maxSizeBytes: number; readonly maxFiles: number };
  readonly tty: boolean;
  readonly consoleSize?: { readonly width: number; readonly height: number };
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly plan: Plan;
}

/** Starts monitors and finds them again. */
export interface EngineSupervisor {
  launch(options: EngineLaunch): Promise<EngineMonitor>;
  recover(options: {
    readonly socketPath: string;
    readonly exitPath: string;
    readonly init?: ProcessIdentity;
    readonly monitor?: ProcessIdentity;
  }): Promise<EngineMonitor | ExitRecord>;
  /** True if a monitor listens at a socket. */
  listens(socketPath: string): Promise<boolean>;
}

/** What the accounting of one container's cgroup says. */
export interface CgroupReading {
  readonly cpu: {
    readonly totalNs: number;
    readonly userNs: number;
    readonly systemNs: number;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNs: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    /** Left out: no limit. */
    readonly limitBytes?: number;
    readonly maxUsageBytes?: number;
    readonly failures: number;
    readonly details: Readonly<Record<string, number>>;
  };
  readonly pids: { readonly current: number; readonly limit?: number };
  readonly blockIo: readonly {
    readonly major: number;
    readonly minor: number;
    readonly op: "read" | "write";
    readonly bytes: number;
  }[];
}

/** One container's folders in the cgroup hierarchies. */
export interface EngineCgroup {
  readonly folders: readonly { readonly version: 1 | 2; readonly path: string }[];
  /** Changes limits. When the kernel refuses, those of `previous` are written again. @throws as `create` */
  update(
    resources: Resources,
    options: { readonly previous: Resources; readonly isSwapDefault: boolean },
  ): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  pids(): readonly number[];
  /** Kills every process in it. */
  kill(): Promise<void>;
  read(): CgroupReading;
  oomKills(): number;
  /** False while it has processes. */
  tryRemove(): boolean;
  /** Waits for processes that are just ending. */
  remove(): Promise<void>;
}

/** The host's cgroups, below the parent that belongs to this daemon. */
export interface EngineCgroups {
  /** Version 2 alone; hybrid counts as 1. */
  readonly version: 1 | 2;
  /** Makes the folders and writes the limits. @throws `unsupported` naming the option whose controller is missing. */
  create(
    containerId: string,
    resources: Resources,
    options: {
      /** The swap limit is a default that nobody asked for: it falls away where the kernel does not count swap. */
      readonly isSwapDefault: boolean;
      /** The group that the container's is made in. Default: the daemon's own. */
      readonly parent?: string;
    },
  ): Promise<EngineCgroup>;
  open(containerId: string, parent?: string): EngineCgroup;
  /** Ids of containers that have folders in the daemon's own place. */
  list(): readonly string[];
  /** Removes the parent where nothing is below it. */
  tidy(): void;
  /** Where a container's folder is, as a spec's `cgroupsPath`. */
  pathOf(containerId: string, parent?: string): string;
}

/** Mandatory access control of the host. */
export interface EngineSecurity {
  readonly facts: SecurityFacts;
  /** SELinux's labels for containers; left out where none are given. */
  readonly labels?: ContainerLabels;
  /** Sees to it that AppArmor's default profile is loaded; false if nothing here can load it. */
  ensureDefaultProfile(): Promise<boolean>;
  /** @throws `invalid-argument` for a path that must keep its label. */
  checkRelabel(path: string): void;
  labelOf(path: string): string;
  /** Labels a file, or a folder with all that is in it. */
  relabel(path: string, label: string): Promise<void>;
}

export type { ExitRecord, ProcessIdentity };
