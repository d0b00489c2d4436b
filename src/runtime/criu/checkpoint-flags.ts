import type { CgroupMode } from "./criu-options.ts";

/** What `checkpoint` and `restore` are both told. */
export interface CriuFlags {
  /** Absolute. */
  readonly imagePath: string;
  /** Absolute. @default the images' folder */
  readonly workPath?: string;
  readonly tcpEstablished: boolean;
  readonly extUnixSk: boolean;
  readonly shellJob: boolean;
  readonly lazyPages: boolean;
  readonly fileLocks: boolean;
  readonly autoDedup: boolean;
  readonly cgroupMode: CgroupMode;
}

export interface CheckpointFlags extends CriuFlags {
  /** Relative to the images' folder. */
  readonly parentPath?: string;
  readonly leaveRunning: boolean;
  readonly tcpSkipInFlight: boolean;
  readonly linkRemap: boolean;
  readonly preDump: boolean;
  /** Told when pages can be asked for. */
  readonly statusFd?: number;
  readonly pageServer?: { readonly address: string; readonly port: number };
}

export interface RestoreFlags extends CriuFlags {
  readonly lsmProfile?: string;
  readonly lsmMountContext?: string;
}
