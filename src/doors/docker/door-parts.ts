import type { ImageHistoryItem, ImageInspect } from "../../api/image.ts";
import type {
  RegistryNotice,
  RegistryUpkeepNotice,
  RegistryUpkeepRequest,
  ServeRegistryRequest,
} from "../../api/registry.ts";
import type { InfoResponse, VersionResponse } from "../../api/system.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Descriptor, Platform } from "../../oci/image.ts";
import type { TraceStore } from "../../trace/trace-store.ts";

/** A row of a list of images. */
export interface DoorImage {
  readonly id: string;
  readonly names: readonly string[];
  readonly repoDigests: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface DoorImageFilters {
  readonly reference?: readonly string[];
  readonly dangling?: boolean;
  readonly before?: string;
  readonly since?: string;
  readonly label?: readonly string[];
}

/** Who asks a registry, and which registry that is for, if it was said. */
export interface DoorLogin {
  readonly host?: string | undefined;
  readonly credentials: DoorCredentials;
}

export type DoorCredentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity-token"; readonly token: string }
  | { readonly kind: "registry-token"; readonly token: string };

export interface DoorProgress {
  readonly id?: string;
  readonly status: string;
  readonly progress?: { readonly currentBytes: number; readonly totalBytes?: number };
}

interface LongActionOptions {
  readonly platform?: Platform;
  readonly onProgress: (event: DoorProgress) => void;
  readonly signal: AbortSignal;
}

/** What this door needs of the images. Every method throws `not-found` (`No such image: NAME`). */
export interface DoorImages {
  inspect(name: string): ImageInspect;
  /** Newest first. */
  list(filters?: DoorImageFilters): readonly DoorImage[];
  /** Newest first. */
  history(name: string): readonly ImageHistoryItem[];
  tag(source: string, target: string): void;
  remove(
    name: string,
    options: {
      readonly force: boolean;
      readonly noPrune: boolean;
      readonly inUse: (imageId: string) => readonly { readonly id: string; readonly isRunning: boolean }[];
    },
  ): Promise<readonly ({ readonly untagged: string } | { readonly deleted: string })[]>;
  pull(
    name: string,
    options: LongActionOptions & { readonly auth?: DoorLogin },
  ): Promise<{
    /** What the name points to: an index, or a manifest. */
    readonly target: { readonly digest: string };
    readonly status: "downloaded" | "up-to-date";
  }>;
  /** A tag, or all of a repository's. */
  push(
    name: string,
    options: LongActionOptions & {
      readonly tag?: string;
      readonly auth?: DoorLogin;
      readonly onPushed: (pushed: {
        readonly tag: string;
        readonly digest: string;
        readonly sizeBytes: number;
      }) => void;
    },
  ): Promise<void>;
  /** What was loaded: names, or ids of what has none. */
  load(archive: AsyncIterable<Uint8Array>, options: LongActionOptions): Promise<readonly string[]>;
  /** Fails before its first bytes for an image that is not there. */
  save(names: readonly string[], options: { readonly platform?: Platform }): AsyncIterable<Uint8Array>;
  fromHost(options: {
    readonly paths: readonly string[];
    readonly name?: string;
    readonly signal?: AbortSignal;
  }): Promise<{ readonly id: string; readonly names: readonly string[] }>;
}

/** What this door needs of the registries of others. */
export interface DoorRegistries {
  /** Finds out if a registry takes credentials. @throws `permission-denied` if it does not. */
  logIn(
    login: DoorLogin & { readonly host: string },
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly identityToken?: string }>;
  /** `TERM`, or `REGISTRY/TERM`. @throws `unsupported` if the registry can neither be searched nor lists what it has. */
  search(
    term: string,
    options: { readonly limit: number; readonly auth?: DoorLogin; readonly signal: AbortSignal },
  ): Promise<
    readonly {
      readonly name: string;
      readonly description: string;
      readonly stars: number;
      readonly isOfficial: boolean;
      readonly isAutomated: boolean;
    }[]
  >;
  /** What a name stands for in its registry, and for which platforms. @throws `not-found`. */
  describe(
    name: string,
    options: { readonly auth?: DoorLogin; readonly signal: AbortSignal },
  ): Promise<{ readonly descriptor: Descriptor; readonly platforms: readonly Platform[] }>;
}

export interface DoorEvent {
  readonly type: string;
  readonly action: string;
  readonly actorId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
}

export interface DoorEvents {
  subscribe(options: {
    readonly sinceNs?: bigint;
    readonly untilNs?: bigint;
    readonly signal: AbortSignal;
  }): AsyncIterable<DoorEvent>;
}

export interface DoorNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly bridge?: string;
  readonly createdAtMs: number;
  readonly endpoints: readonly {
    readonly containerId: string;
    readonly address: string;
    readonly prefixLength: number;
    readonly mac: string;
  }[];
}

export interface DoorNetworks {
  list(): readonly DoorNetwork[];
  /** By name, id or unique prefix of an id. @throws `not-found` */
  inspect(name: string): DoorNetwork;
}

export interface DoorVolume {
  readonly name: string;
  readonly mountpoint: string;
  readonly createdAtNs: bigint;
  readonly labels: Readonly<Record<string, string>>;
  readonly isAnonymous: boolean;
}

export interface DoorVolumes {
  list(): readonly DoorVolume[];
  inspect(name: string): DoorVolume;
  create(options: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> }): {
    readonly volume: DoorVolume;
  };
  remove(name: string, options: { readonly force?: boolean; readonly usedBy: readonly string[] }): Promise<void>;
}

/** The registry of this daemon's root. */
export interface DoorRegistry {
  /** Opens a door until it is disposed of. @throws `invalid-argument`, `unavailable` */
  serve(
    request: ServeRegistryRequest,
    tell: (notice: RegistryNotice) => void,
  ): Promise<AsyncDisposable & { readonly address: string; readonly metricsAddress?: string }>;
  /** Looks after what is kept, now. What it came to is told last; it does not throw once it has begun. */
  upkeep(
    request: RegistryUpkeepRequest,
    options: { readonly tell: (notice: RegistryUpkeepNotice) => void; readonly signal: AbortSignal },
  ): Promise<void>;
}

/** What this door is a front of. */
export interface DoorParts {
  readonly engine: Engine;
  readonly images: DoorImages;
  readonly registries: DoorRegistries;
  readonly events: DoorEvents;
  readonly networks: DoorNetworks;
  readonly volumes: DoorVolumes;
  readonly registry: DoorRegistry;
  readonly traces: TraceStore;
  readonly version: () => VersionResponse;
  /** What of `GET /info` is not counted here. */
  readonly info: () => DoorInfo;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Facts of the daemon and its host. */
export type DoorInfo = Omit<
  InfoResponse,
  "Containers" | "ContainersRunning" | "ContainersPaused" | "ContainersStopped" | "Images" | "SystemTime"
>;
