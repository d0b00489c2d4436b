import type { HostConfig, Resources } from "./host-config.ts";
import type { EndpointSettings } from "./network.ts";

/** A set as Go writes it in JSON. */
export type StringSet = Readonly<Record<string, Record<string, never>>>;

/** Durations in nanoseconds. */
export interface HealthConfig {
  readonly Test?: readonly string[] | null;
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** The portable half of a container's settings. `null` counts as left out. */
export interface Config {
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly User?: string;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly ExposedPorts?: StringSet | null;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly Env?: readonly string[] | null;
  /** Old clients send one string. */
  readonly Cmd?: readonly string[] | null;
  readonly Healthcheck?: HealthConfig | null;
  readonly ArgsEscaped?: boolean;
  readonly Image?: string;
  readonly Volumes?: StringSet | null;
  readonly WorkingDir?: string;
  /** `[""]` (what `docker run --entrypoint ""` sends) means none. */
  readonly Entrypoint?: readonly string[] | null;
  readonly NetworkDisabled?: boolean;
  /** Before API 1.44; later within `NetworkingConfig`. */
  readonly MacAddress?: string;
  readonly OnBuild?: readonly string[] | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string;
  /** Seconds. */
  readonly StopTimeout?: number | null;
  readonly Shell?: readonly string[] | null;
}

/** `POST /containers/create`. */
export interface CreateContainerRequest extends Config {
  readonly HostConfig?: HostConfig | null;
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, EndpointSettings | null>> | null;
  } | null;
}

export interface CreateContainerResponse {
  readonly Id: string;
  readonly Warnings: readonly string[];
}

/** `POST /containers/{name}/update`: limits to change; zero and empty leave one as it is. */
export type UpdateContainerRequest = Resources;

export interface UpdateContainerResponse {
  readonly Warnings?: readonly string[] | null;
}
