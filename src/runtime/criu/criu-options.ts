/** What `manage_cgroups_mode` may be (criu's rpc.proto, `criu_cg_mode`). */
export const CGROUP_MODES = { ignore: 0, soft: 3, full: 4, strict: 5, default: 6 } as const;

export type CgroupMode = keyof typeof CGROUP_MODES;

/** Something outside of the container: at a dump a mount point and what it is called, at a restore that name and what is there. */
export interface ExternalMount {
  readonly key: string;
  readonly value: string;
}

/** What criu is asked to do: those of its options (rpc.proto, `criu_opts`) that a runtime uses. What is absent is criu's default. */
export interface CriuOptions {
  readonly imagesDirFd: number;
  readonly pid?: number;
  readonly leaveRunning?: boolean;
  readonly extUnixSk?: boolean;
  readonly tcpEstablished?: boolean;
  readonly evasiveDevices?: boolean;
  readonly shellJob?: boolean;
  readonly fileLocks?: boolean;
  readonly logLevel?: number;
  readonly logFile?: string;
  readonly pageServer?: { readonly address: string; readonly port: number };
  readonly notifyScripts?: boolean;
  readonly root?: string;
  readonly parentImage?: string;
  readonly trackMemory?: boolean;
  readonly autoDedup?: boolean;
  readonly workDirFd?: number;
  readonly linkRemap?: boolean;
  readonly externalMounts?: readonly ExternalMount[];
  readonly manageCgroups?: boolean;
  readonly cgroupRoots?: readonly { readonly controller: string; readonly path: string }[];
  readonly restoreSibling?: boolean;
  readonly inheritFds?: readonly { readonly key: string; readonly fd: number }[];
  readonly cgroupMode?: CgroupMode;
  readonly external?: readonly string[];
  readonly emptyNamespaces?: number;
  readonly joinNamespaces?: readonly { readonly kind: string; readonly path: string }[];
  readonly freezeCgroup?: string;
  readonly tcpSkipInFlight?: boolean;
  readonly lazyPages?: boolean;
  readonly orphanPtsMaster?: boolean;
  readonly configFile?: string;
  readonly lsmProfile?: string;
  readonly lsmMountContext?: string;
}

/** CLONE_NEWNET: the interfaces of a container are its engine's to make. */
export const EMPTY_NETWORK = 0x40000000;
