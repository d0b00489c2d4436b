import type { CreateContainerRequest } from "../../api/container-config.ts";
import type { HostConfig } from "../../api/host-config.ts";
import type { ContainerConfig, LogConfig, NetworkConfig } from "../../engine/container/container-config.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { CREATE_FIELDS, ENDPOINT_FIELDS, HOST_CONFIG_FIELDS } from "./create-fields.ts";
import { checkFields, type FieldProblem } from "./field-rules.ts";
import { parseLimits } from "./parse-limits.ts";
import { checkMountFields, parseMounts } from "./parse-mounts.ts";
import { parsePortBindings } from "./parse-port-bindings.ts";
import { parseSecurity } from "./parse-security.ts";

/**
 * Reads the body of `POST /containers/create`.
 *
 * @throws `invalid-argument` or `unsupported`, with everything that is wrong or not there, each by its path.
 */
export function parseCreateRequest(body: unknown, options: { readonly platform?: string } = {}): ContainerConfig {
  const request = checkRequest(body);
  const host = request.HostConfig ?? {};
  const isTerminal = request.Tty ?? false;
  return omitUndefined<ContainerConfig>({
    image: request.Image ?? "",
    entrypoint: entrypointOf(request.Entrypoint),
    command: request.Cmd ?? undefined,
    env: request.Env ?? undefined,
    workingDirectory: request.WorkingDir || undefined,
    user: request.User || undefined,
    groups: nonEmpty(host.GroupAdd),
    hostname: request.Hostname || undefined,
    domainname: request.Domainname || undefined,
    labels: request.Labels ?? undefined,
    tty: isTerminal || undefined,
    openStdin: request.OpenStdin || undefined,
    stdinOnce: request.StdinOnce || undefined,
    attach: {
      stdin: request.AttachStdin ?? false,
      stdout: request.AttachStdout ?? false,
      stderr: request.AttachStderr ?? false,
    },
    stopSignal: request.StopSignal || undefined,
    stopTimeoutSeconds: request.StopTimeout ?? undefined,
    autoRemove: host.AutoRemove || undefined,
    mounts: nonEmpty(parseMounts(request)),
    resources: parseLimits(host),
    oomScoreAdj: host.OomScoreAdj || undefined,
    security: parseSecurity(host),
    namespaces: omitUndefined({
      pid: host.PidMode || undefined,
      ipc: host.IpcMode || undefined,
      uts: host.UTSMode || undefined,
      cgroup: host.CgroupnsMode || undefined,
    }),
    network: networkOf(request, host),
    init: host.Init ?? undefined,
    shmSizeBytes: host.ShmSize || undefined,
    platform: options.platform,
    sysctls: Object.keys(host.Sysctls ?? {}).length === 0 ? undefined : (host.Sysctls ?? undefined),
    annotations: Object.keys(host.Annotations ?? {}).length === 0 ? undefined : (host.Annotations ?? undefined),
    log: logOf(host.LogConfig),
  });
}

function checkRequest(body: unknown): CreateContainerRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new GantryError("invalid-argument", "the request's body is not a JSON object");
  }
  // Old clients send one string for these two.
  const request: Record<string, unknown> = { ...body };
  for (const name of ["Cmd", "Entrypoint"]) if (typeof request[name] === "string") request[name] = [request[name]];
  const problems: FieldProblem[] = [...checkFields(request, CREATE_FIELDS, "")];
  const host = objectAt(request, "HostConfig");
  if (host !== undefined) {
    problems.push(...checkFields(host, HOST_CONFIG_FIELDS, "HostConfig."), ...checkMountFields(host));
  }
  for (const [name, endpoint] of Object.entries(
    objectAt(objectAt(request, "NetworkingConfig"), "EndpointsConfig") ?? {},
  )) {
    if (typeof endpoint !== "object" || endpoint === null) continue;
    problems.push(
      ...checkFields(endpoint as Record<string, unknown>, ENDPOINT_FIELDS, `NetworkingConfig.EndpointsConfig.${name}.`),
    );
  }
  throwProblems(problems);
  return request as CreateContainerRequest;
}

/** What is malformed is told first: the rest of such a request means nothing. */
export function throwProblems(problems: readonly FieldProblem[]): void {
  const malformed = problems.filter(({ kind }) => kind === "malformed");
  const told = malformed.length > 0 ? malformed : problems;
  if (told.length === 0) return;
  throw new GantryError(
    malformed.length > 0 ? "invalid-argument" : "unsupported",
    told.map(({ sentence }) => sentence).join("; "),
  );
}

function objectAt(
  value: Readonly<Record<string, unknown>> | undefined,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  const field = value?.[name];
  if (typeof field !== "object" || field === null || Array.isArray(field)) return undefined;
  return field as Readonly<Record<string, unknown>>;
}

/** `[""]` is how a client says that the image's entrypoint is not wanted (`docker run --entrypoint ""`). */
function entrypointOf(entrypoint: readonly string[] | null | undefined): readonly string[] | undefined {
  if (entrypoint === null || entrypoint === undefined || entrypoint.length === 0) return undefined;
  return entrypoint.length === 1 && entrypoint[0] === "" ? [] : entrypoint;
}

function networkOf(request: CreateContainerRequest, host: HostConfig): NetworkConfig {
  const endpoints = Object.entries(request.NetworkingConfig?.EndpointsConfig ?? {});
  const mode = host.NetworkMode === "default" ? "bridge" : host.NetworkMode || "bridge";
  const foreign = endpoints.find(([name]) => name !== mode && !(name === "default" && mode === "bridge"));
  if (foreign !== undefined) {
    throw new GantryError(
      "unsupported",
      `NetworkingConfig.EndpointsConfig.${foreign[0]}: a second network is not there yet`,
    );
  }
  return omitUndefined<NetworkConfig>({
    mode,
    publish: nonEmpty(parsePortBindings(host.PortBindings ?? {})),
    publishAll: host.PublishAllPorts || undefined,
    exposedPorts: nonEmpty(Object.keys(request.ExposedPorts ?? {})),
    dns: nonEmpty(host.Dns),
    dnsSearch: nonEmpty(host.DnsSearch),
    dnsOptions: nonEmpty(host.DnsOptions),
    extraHosts: nonEmpty(host.ExtraHosts),
    macAddress: request.MacAddress || endpoints[0]?.[1]?.MacAddress || undefined,
  });
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** The drivers that keep logs in bounded or unbounded files here: ours does what both say. */
const FILE_LOG_DRIVERS: readonly string[] = ["", "json-file", "local", "cri"];

function logOf(config: HostConfig["LogConfig"]): LogConfig | undefined {
  const type = config?.Type ?? "";
  if (!FILE_LOG_DRIVERS.includes(type)) {
    throw new GantryError("unsupported", `HostConfig.LogConfig (--log-driver ${type}) is not there yet`);
  }
  let log: { maxSizeBytes?: number; maxFiles?: number } | undefined;
  for (const [name, value] of Object.entries(config?.Config ?? {})) {
    if (name === "max-size") {
      const [, count = "", unit = ""] = /^(\d{1,12})([bkmg]?)b?$/i.exec(value) ?? [];
      const bytes = Number(count) * (BYTES_PER_UNIT[unit.toLowerCase()] ?? 0);
      if (count === "" || bytes <= 0) {
        throw new GantryError(
          "invalid-argument",
          `invalid value for the log option max-size: ${JSON.stringify(value)}`,
        );
      }
      log = { ...log, maxSizeBytes: bytes };
    } else if (name === "max-file") {
      if (!/^[1-9]\d{0,4}$/.test(value)) {
        throw new GantryError(
          "invalid-argument",
          `invalid value for the log option max-file: ${JSON.stringify(value)}`,
        );
      }
      log = { ...log, maxFiles: Number(value) };
    } else throw new GantryError("unsupported", `the log option ${name} is not there yet`);
  }
  return log;
}

function nonEmpty<T>(values: readonly T[] | null | undefined): readonly T[] | undefined {
  return values === null || values === undefined || values.length === 0 ? undefined : values;
}

type Loose<T> = { readonly [Field in keyof T]: T[Field] | undefined };

/** A copy without the fields that are undefined. */
function omitUndefined<T extends object>(value: Loose<T>): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
