import type { Span } from "../trace/trace.ts";
import type { ContainerInspect, ContainerSummary, TopResponse, WaitResponse } from "./container.ts";
import type {
  CreateContainerRequest,
  CreateContainerResponse,
  UpdateContainerRequest,
  UpdateContainerResponse,
} from "./container-config.ts";
import type { CreateExecRequest, ExecInspect, StartExecRequest } from "./exec.ts";
import type { Filters } from "./filters.ts";
import type {
  DistributionInspect,
  FromHostRequest,
  FromHostResponse,
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  LoginResponse,
  ProgressMessage,
  RegistryAuth,
  SearchResult,
} from "./image.ts";
import type { NetworkResource } from "./network.ts";
import type { RegistryNotice, RegistryUpkeepNotice, RegistryUpkeepRequest, ServeRegistryRequest } from "./registry.ts";
import type { StatsResponse } from "./stats.ts";
import type { OutputFrame, StdioConnection } from "./stdio-connection.ts";
import type { EventMessage, InfoResponse, PingResponse, VersionResponse } from "./system.ts";
import type { CreateVolumeRequest, VolumeList, VolumeResource } from "./volume.ts";

/** Ends a call early: its connection is closed, and the daemon frees what it held. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface SystemApi {
  ping(options?: CallOptions): Promise<PingResponse>;
  version(options?: CallOptions): Promise<VersionResponse>;
  info(options?: CallOptions): Promise<InfoResponse>;
  /** Past events from `since` on, then those to come until `until`; both Unix seconds with a fraction, or RFC 3339. */
  events(
    options?: CallOptions & { readonly since?: string; readonly until?: string; readonly filters?: Filters },
  ): Promise<AsyncIterable<EventMessage>>;
  /** Our own call: what the daemon did for the calls that named a trace (header `Gantry-Trace`). It is forgotten then. */
  takeTrace(name: string, options?: CallOptions): Promise<readonly Span[]>;
}

/** A call that a start may wait for. */
export interface GatheringOptions {
  /** The name that the start gives in `after`: ours alone know it. */
  readonly gathering?: string;
}

export interface TerminalSize {
  readonly height: number;
  readonly width: number;
}

export interface StartCallOptions extends CallOptions {
  readonly detachKeys?: string;
  /**
   * Starts when these calls have been answered. Sent at once to a daemon of ours, which waits for `count` of them, by the name
   * of their gathering; another's gets it then.
   */
  readonly after?: { readonly gathering: string; readonly count: number; readonly answered: Promise<unknown> };
}

export interface AttachCallOptions extends CallOptions, GatheringOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Follow what is printed from now on. */
  readonly stream?: boolean;
  /** What was printed before comes first. */
  readonly logs?: boolean;
  /** Default `ctrl-p,ctrl-q`. The daemon looks for them in what is typed, with a terminal only. */
  readonly detachKeys?: string;
  /**
   * Is told where in the log what follows begins, if that is known: of a container that does not run yet. Only ours tells.
   */
  readonly onPosition?: (position: string) => void;
}

export interface LogsCallOptions extends CallOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow?: boolean;
  /** Unix seconds with a fraction, or RFC 3339. */
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: boolean;
  /** A number, or `all`. */
  readonly tail?: string;
  /** A position: begins there, instead of where `tail` says. Only ours knows it. */
  readonly from?: string;
  /** Is told, now and then, where in the log what follows begins. With it, output comes in frames of a terminal, too. */
  readonly onPosition?: (position: string) => void;
}

export interface ContainerApi {
  listContainers(
    options?: CallOptions & {
      /** Those that do not run as well. */
      readonly all?: boolean;
      readonly limit?: number;
      readonly size?: boolean;
      readonly filters?: Filters;
    },
  ): Promise<readonly ContainerSummary[]>;
  createContainer(
    request: CreateContainerRequest,
    options?: CallOptions & { readonly name?: string; readonly platform?: string },
  ): Promise<CreateContainerResponse>;
  inspectContainer(name: string, options?: CallOptions & { readonly size?: boolean }): Promise<ContainerInspect>;
  /** `false`: it ran already. */
  startContainer(name: string, options?: StartCallOptions): Promise<boolean>;
  /** `false`: it had stopped already. */
  stopContainer(
    name: string,
    options?: CallOptions & { readonly signalName?: string; readonly timeoutSeconds?: number },
  ): Promise<boolean>;
  restartContainer(
    name: string,
    options?: CallOptions & { readonly signalName?: string; readonly timeoutSeconds?: number },
  ): Promise<void>;
  killContainer(name: string, options?: CallOptions & { readonly signalName?: string }): Promise<void>;
  pauseContainer(name: string, options?: CallOptions): Promise<void>;
  unpauseContainer(name: string, options?: CallOptions): Promise<void>;
  renameContainer(name: string, newName: string, options?: CallOptions): Promise<void>;
  updateContainer(
    name: string,
    request: UpdateContainerRequest,
    options?: CallOptions,
  ): Promise<UpdateContainerResponse>;
  removeContainer(
    name: string,
    options?: CallOptions & { readonly force?: boolean; readonly volumes?: boolean },
  ): Promise<void>;
  /** Resolves when the daemon has registered the wait: no exit after that is missed. `result` resolves with the exit. */
  waitContainer(
    name: string,
    options?: CallOptions & GatheringOptions & { readonly condition?: "not-running" | "next-exit" | "removed" },
  ): Promise<{ readonly result: Promise<WaitResponse> }>;
  /** Resolves when the daemon has attached. A created container may be attached to before it starts. */
  attachContainer(name: string, options: AttachCallOptions): Promise<StdioConnection>;
  resizeContainer(name: string, size: TerminalSize, options?: CallOptions): Promise<void>;
  containerLogs(name: string, options: LogsCallOptions): Promise<AsyncIterable<OutputFrame>>;
  topContainer(name: string, options?: CallOptions & { readonly psArguments?: string }): Promise<TopResponse>;
  /** One reading when `stream` is false (`oneShot`: without waiting a second for a difference), else one a second. */
  containerStats(
    name: string,
    options?: CallOptions & { readonly stream?: boolean; readonly oneShot?: boolean },
  ): Promise<AsyncIterable<StatsResponse>>;
}

export interface ExecApi {
  createExec(
    containerName: string,
    request: CreateExecRequest,
    options?: CallOptions,
  ): Promise<{ readonly Id: string }>;
  /** Starts it and resolves with its streams. */
  startExec(id: string, request?: StartExecRequest, options?: CallOptions): Promise<StdioConnection>;
  /** Starts it in the background. */
  startExecDetached(id: string, options?: CallOptions): Promise<void>;
  resizeExec(id: string, size: TerminalSize, options?: CallOptions): Promise<void>;
  inspectExec(id: string, options?: CallOptions): Promise<ExecInspect>;
}

export interface ImageApi {
  listImages(
    options?: CallOptions & { readonly all?: boolean; readonly filters?: Filters },
  ): Promise<readonly ImageSummary[]>;
  /** An error within the stream is thrown while it is read. */
  pullImage(
    options: CallOptions & {
      /** As the user wrote it, with tag or digest; without either `tag` is taken, without that all tags. */
      readonly fromImage: string;
      readonly tag?: string;
      readonly platform?: string;
      readonly auth?: RegistryAuth;
    },
  ): Promise<AsyncIterable<ProgressMessage>>;
  /** A tag; left out, all tags of the repository. An error within the stream is thrown while it is read. */
  pushImage(
    repository: string,
    options?: CallOptions & { readonly tag?: string; readonly platform?: string; readonly auth?: RegistryAuth },
  ): Promise<AsyncIterable<ProgressMessage>>;
  inspectImage(name: string, options?: CallOptions): Promise<ImageInspect>;
  imageHistory(name: string, options?: CallOptions): Promise<readonly ImageHistoryItem[]>;
  tagImage(
    name: string,
    target: { readonly repo: string; readonly tag?: string },
    options?: CallOptions,
  ): Promise<void>;
  removeImage(
    name: string,
    options?: CallOptions & { readonly force?: boolean; readonly noPrune?: boolean },
  ): Promise<readonly ImageDeleteItem[]>;
  /** One archive of all of them. */
  saveImages(
    names: readonly string[],
    options?: CallOptions & { readonly platform?: string },
  ): Promise<AsyncIterable<Uint8Array>>;
  loadImages(
    archive: AsyncIterable<Uint8Array>,
    options?: CallOptions & { readonly quiet?: boolean; readonly platform?: string },
  ): Promise<AsyncIterable<ProgressMessage>>;
  /** Our own call. */
  imageFromHost(request: FromHostRequest, options?: CallOptions): Promise<FromHostResponse>;
  /** `TERM`, or `REGISTRY/TERM`. */
  searchImages(
    term: string,
    options?: CallOptions & { readonly limit?: number; readonly filters?: Filters; readonly auth?: RegistryAuth },
  ): Promise<readonly SearchResult[]>;
  /** Whether a registry takes credentials. */
  logIn(auth: RegistryAuth, options?: CallOptions): Promise<LoginResponse>;
  inspectDistribution(
    name: string,
    options?: CallOptions & { readonly auth?: RegistryAuth },
  ): Promise<DistributionInspect>;
}

export interface NetworkApi {
  listNetworks(options?: CallOptions & { readonly filters?: Filters }): Promise<readonly NetworkResource[]>;
  inspectNetwork(name: string, options?: CallOptions): Promise<NetworkResource>;
}

export interface VolumeApi {
  listVolumes(options?: CallOptions & { readonly filters?: Filters }): Promise<VolumeList>;
  createVolume(request: CreateVolumeRequest, options?: CallOptions): Promise<VolumeResource>;
  inspectVolume(name: string, options?: CallOptions): Promise<VolumeResource>;
  removeVolume(name: string, options?: CallOptions & { readonly force?: boolean }): Promise<void>;
}

/** Our own calls: the daemon's store as a registry. */
export interface RegistryApi {
  /** Opens the registry's door for as long as the answer is read, or until the signal. */
  serveRegistry(request: ServeRegistryRequest, options?: CallOptions): Promise<AsyncIterable<RegistryNotice>>;
  /** Looks after what the registry keeps, now; verifying ends with the signal. */
  upkeepRegistry(request: RegistryUpkeepRequest, options?: CallOptions): Promise<AsyncIterable<RegistryUpkeepNotice>>;
}

/**
 * Docker's Engine API as methods, one for each call; names of fields are Docker's own.
 *
 * Every method throws `ApiError` for what the daemon refused, and `unavailable` when there is no daemon to talk to.
 */
export interface EngineApi extends SystemApi, ContainerApi, ExecApi, ImageApi, NetworkApi, VolumeApi, RegistryApi {}
