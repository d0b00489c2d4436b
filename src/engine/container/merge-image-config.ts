import type { ImageExecutionConfig } from "../../oci/image.ts";
import type { Container } from "./container.ts";
import type { ContainerConfig } from "./container-config.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function nameOf(entry: string): string {
  const equals = entry.indexOf("=");
  return equals < 0 ? entry : entry.slice(0, equals);
}

/** The caller's entries, then those of the image that the caller did not name (moby: daemon/commit.go, merge). */
function mergeEnv(own: readonly string[], image: readonly string[]): string[] {
  const named = new Set(own.map(nameOf));
  return [...own, ...image.filter((entry) => !named.has(nameOf(entry)))];
}

/**
 * Lays the caller's settings over the image's, as Docker does: a given entrypoint drops the image's command,
 * maps are joined with the caller's entries winning, anything else is the caller's or else the image's.
 */
export function mergeImageConfig(
  config: ContainerConfig,
  image: ImageExecutionConfig,
  options: { readonly defaultHostname: string },
): Container["effective"] {
  const entrypoint = config.entrypoint ?? image.Entrypoint ?? [];
  const command =
    config.command !== undefined && config.command.length > 0
      ? config.command
      : config.entrypoint === undefined
        ? (image.Cmd ?? [])
        : [];
  return {
    env: mergeEnv(config.env ?? [], image.Env ?? []),
    entrypoint: entrypoint.length === 1 && entrypoint[0] === "" ? [] : entrypoint,
    command,
    workingDirectory: config.workingDirectory || image.WorkingDir || "",
    user: config.user || image.User || "",
    hostname: config.hostname || options.defaultHostname,
    labels: { ...image.Labels, ...config.labels },
    stopSignal: config.stopSignal || image.StopSignal || "SIGTERM",
    exposedPorts: [
      ...new Set([
        ...(config.network?.exposedPorts ?? []),
        ...(config.network?.publish ?? []).map((port) => `${port.containerPort}/${port.protocol}`),
        ...Object.keys(image.ExposedPorts ?? {}).map((port) => (port.includes("/") ? port : `${port}/tcp`)),
      ]),
    ],
    volumes: Object.keys(image.Volumes ?? {}),
  };
}

/**
 * What the process finds in its environment: Docker's own entries below, the container's above; `NAME` alone removes
 * (moby: container_unix.go, CreateDaemonEnvironment).
 */
export function processEnv(
  env: readonly string[],
  options: { readonly hostname: string; readonly tty: boolean; readonly home: string },
): string[] {
  const entries = new Map<string, string | undefined>([
    ["PATH", `PATH=${DEFAULT_PATH}`],
    ["HOSTNAME", `HOSTNAME=${options.hostname}`],
  ]);
  if (options.tty) entries.set("TERM", "TERM=xterm");
  for (const entry of env) {
    const name = nameOf(entry);
    if (entry.includes("=")) entries.set(name, entry);
    else entries.delete(name);
  }
  if (!entries.has("HOME")) entries.set("HOME", `HOME=${options.home}`);
  return [...entries.values()].filter((entry) => entry !== undefined);
}
