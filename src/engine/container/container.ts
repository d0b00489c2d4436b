import type { Digest } from "../../oci/digest.ts";
import type { ContainerConfig } from "./container-config.ts";
import type { Confinement } from "./container-confinement.ts";

declare const brand: unique symbol;

/** 64 hexadecimal digits. */
export type ContainerId = string & { readonly [brand]: "ContainerId" };

export type ContainerStatus = "created" | "running" | "paused" | "removing" | "exited" | "dead";

/** What a container is at one moment. */
export interface Container {
  readonly id: ContainerId;
  /** Without a slash. */
  readonly name: string;
  readonly config: ContainerConfig;
  readonly image: { readonly id: Digest; readonly manifestDigest: Digest; readonly platform: string };
  /** The program and its arguments, after the image's settings were laid under the caller's. */
  readonly args: readonly string[];
  /** After merging with the image's: what the process gets. */
  readonly effective: {
    readonly env: readonly string[];
    readonly entrypoint: readonly string[];
    readonly command: readonly string[];
    readonly workingDirectory: string;
    readonly user: string;
    readonly hostname: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly stopSignal: string;
    readonly exposedPorts: readonly string[];
    readonly volumes: readonly string[];
  };
  readonly createdAtNs: bigint;
  readonly state: ContainerState;
  readonly mounts: readonly MountPoint[];
  /** Left out of containers that an older daemon made. */
  readonly confinement?: Confinement;
  readonly network: ContainerNetwork | undefined;
  /** Folder of the container's files, log folder, and files bound over /etc. */
  readonly paths: {
    readonly directory: string;
    readonly log: string;
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
  };
  /** Ids of execs that still run. */
  readonly execIds: readonly string[];
  readonly warnings: readonly string[];
}

export interface ContainerState {
  readonly status: ContainerStatus;
  /** 0 unless running or paused. */
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why it could not start, or what was lost; empty if nothing. */
  readonly error: string;
  readonly startedAtNs?: bigint;
  readonly finishedAtNs?: bigint;
}

export interface MountPoint {
  readonly type: "bind" | "volume" | "tmpfs";
  readonly name?: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation: string;
}

export interface ContainerNetwork {
  readonly mode: string;
  readonly endpoint?: {
    readonly network: string;
    readonly networkId: string;
    readonly endpointId: string;
    readonly address: string;
    readonly prefixLength: number;
    readonly gateway: string;
    readonly mac: string;
    readonly ports: readonly PublishedPort[];
  };
}

export interface PublishedPort {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  readonly hostPort: number;
  /** `hostAddress` is every address, of IPv6 too. @default false */
  readonly isOnIpv6?: boolean;
}
