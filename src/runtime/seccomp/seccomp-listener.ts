import { GantryError } from "../../errors/gantry-error.ts";
import type { Seccomp } from "../../oci/runtime-spec.ts";

/** Where a filter's listener is sent, and with which words. */
export interface SeccompListener {
  /** The agent's unix socket, on the host. */
  readonly path: string;
  /** The container process state as JSON, in parts: the helper writes the process's number in between. */
  readonly message: readonly string[];
}

/** The container as the agent is told of it (runtime.md, "State"). */
export interface ListenerState {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: "creating" | "created" | "running";
  /** The container's init. Without it the process that gets the filter is meant, whose number nobody knows yet. */
  readonly pid?: number;
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** `sun_path` without its NUL (unix(7)). */
const MAX_PATH_BYTES = 107;

const SEPARATOR = "\0";

/** True if some call of the profile waits for somebody's answer. */
export function needsListener(profile: Seccomp): boolean {
  return (profile.syscalls ?? []).some((rule) => rule.action === "SCMP_ACT_NOTIFY");
}

/**
 * The path that a profile with SCMP_ACT_NOTIFY has to have.
 *
 * @throws `invalid-argument` when there is none, or none that a socket can have.
 */
export function requireListenerPath(profile: Seccomp): string {
  const path = profile.listenerPath ?? "";
  if (path === "") {
    throw new GantryError("invalid-argument", "linux.seccomp.listenerPath is not set, and SCMP_ACT_NOTIFY needs it");
  }
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new GantryError(
      "invalid-argument",
      `linux.seccomp.listenerPath must be an absolute path, not ${JSON.stringify(path)}`,
    );
  }
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new GantryError(
      "invalid-argument",
      `linux.seccomp.listenerPath is longer than ${MAX_PATH_BYTES} bytes: ${path}`,
    );
  }
  return path;
}

/**
 * What the helper sends to the agent of a profile: undefined when no call of it is asked about, and `listenerPath` is
 * ignored (config-linux.md, "The Container Process State").
 *
 * @throws `invalid-argument` for a path that cannot be used.
 */
export function planListener(profile: Seccomp, state: ListenerState): SeccompListener | undefined {
  if (!needsListener(profile)) return undefined;
  const path = requireListenerPath(profile);
  const json = (name: string, value: unknown): string => `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  // JSON writes NUL as six letters, so a bare one stands for the number and for nothing else.
  const pid = (value: number | undefined): string => (value === undefined ? `"pid":${SEPARATOR}` : json("pid", value));
  const inner = [
    json("ociVersion", state.ociVersion),
    json("id", state.id),
    json("status", state.status),
    pid(state.pid),
    json("bundle", state.bundle),
    ...(state.annotations === undefined ? [] : [json("annotations", state.annotations)]),
  ];
  const outer = [
    json("ociVersion", state.ociVersion),
    json("fds", ["seccompFd"]),
    pid(undefined),
    ...(profile.listenerMetadata ? [json("metadata", profile.listenerMetadata)] : []),
    `"state":{${inner.join(",")}}`,
  ];
  return { path, message: `{${outer.join(",")}}`.split(SEPARATOR) };
}
