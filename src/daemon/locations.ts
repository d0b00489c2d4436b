import { join, resolve } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";

/** Where a daemon keeps what it owns, and where it is reached. */
export interface Locations {
  /** Images, volumes, containers: what survives a boot. */
  readonly root: string;
  /** Sockets and process files: rebuilt after a boot. */
  readonly state: string;
  /** The unix socket that serves the API. */
  readonly socketPath: string;
  /** The daemon's process number, for people and service managers. */
  readonly pidPath: string;
  /** What a starting daemon says of itself, for the command line. */
  readonly announcementPath: string;
  /** What the self-started daemon prints. */
  readonly logPath: string;
}

export interface LocationOptions {
  /** @default `GANTRY_ROOT`, else `/var/lib/gantry` */
  readonly root?: string;
  /** @default `GANTRY_STATE`, else `/run/gantry` */
  readonly state?: string;
  /** `unix:///path`. @default `gantry.sock` in the state folder that is named, else `GANTRY_HOST`, else there too */
  readonly host?: string;
}

/** The longest path that fits into a unix socket's address, its closing NUL left out (unix(7)). */
const LONGEST_SOCKET_PATH = 107;

/** The longest name of a socket that the engine makes in the state folder: an exec's (engine-paths.ts). */
const LONGEST_SOCKET_NAME = `monitors/x${"0".repeat(12)}.sock`;

/** SQLite opens no path of more than 512 bytes, and adds to the database's name for its journals. */
const LONGEST_ROOT = 450;

/**
 * Finds the places from flags and environment.
 *
 * @throws `unsupported` for a host that is not a unix socket, `invalid-argument` for a path that is empty or too long.
 */
export function resolveLocations(
  options: LocationOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Locations {
  requireNamed(options);
  const root = resolve(options.root ?? (environment.GANTRY_ROOT || "/var/lib/gantry"));
  const state = resolve(options.state ?? (environment.GANTRY_STATE || "/run/gantry"));
  requireShort(join(state, LONGEST_SOCKET_NAME), "choose a shorter --state");
  requireShortRoot(root);
  const usual = `unix://${join(state, "gantry.sock")}`;
  // Whoever names a state folder means the daemon in it, not one that the environment names.
  const host = options.host ?? (options.state === undefined ? environment.GANTRY_HOST || usual : usual);
  return {
    root,
    state,
    socketPath: parseHost(host),
    pidPath: join(state, "gantry.pid"),
    announcementPath: join(state, "daemon.json"),
    logPath: join(state, "daemon.log"),
  };
}

/** @throws `invalid-argument` if the path is too long for what is kept there. */
export function requireShortRoot(root: string): void {
  if (Buffer.byteLength(root) <= LONGEST_ROOT) return;
  throw new GantryError("invalid-argument", `root ${root} is longer than ${LONGEST_ROOT} bytes`, {
    hint: "choose a shorter --root",
  });
}

/** An empty path would be the working folder: a daemon would begin to own that. */
function requireNamed({ root, state }: LocationOptions): void {
  const empty = root === "" ? "--root" : state === "" ? "--state" : undefined;
  if (empty === undefined) return;
  throw new GantryError("invalid-argument", `${empty} is empty`, {
    hint: "is a variable not set? leave the flag out for its default",
  });
}

function parseHost(host: string): string {
  const path = host.startsWith("unix://") ? host.slice("unix://".length) : host;
  if (!path.startsWith("/")) {
    throw new GantryError("unsupported", `cannot use host ${JSON.stringify(host)}: only unix sockets are there yet`, {
      hint: "write it as unix:///path/to/socket",
    });
  }
  requireShort(path, "choose a shorter --state or --host");
  return path;
}

function requireShort(path: string, hint: string): void {
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return;
  throw new GantryError("invalid-argument", `socket path ${path} is longer than ${LONGEST_SOCKET_PATH} bytes`, {
    hint,
  });
}
