import { isIP } from "node:net";
import { GantryError } from "../errors/gantry-error.ts";
import type { Endpoint } from "./endpoint.ts";

/** One line of a hosts file. */
export interface ExtraHost {
  readonly name: string;
  readonly address: string;
}

/** The lines that every container has (moby `etchosts`). */
const COMMON = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

export type HostsEndpoint = Pick<Endpoint, "address" | "hostname" | "aliases">;

export interface HostsOptions {
  /** Docker's `--domainname`: the container's own line has its full name first. */
  readonly domainname?: string;
}

/**
 * The contents of a container's `/etc/hosts`: the usual names of the loopback, then `--add-host`, then its own names.
 * Without an endpoint (`--network none`) it has no address of its own.
 *
 * @throws `invalid-argument` for a name that would write lines or names of its own.
 */
export function formatHosts(
  endpoint: HostsEndpoint | undefined,
  extraHosts: readonly ExtraHost[],
  options: HostsOptions = {},
): string {
  const names = [endpoint?.hostname, options.domainname, ...(endpoint?.aliases ?? [])];
  const bad = names.find((name) => name !== undefined && /\s/.test(name));
  if (bad !== undefined) throw new GantryError("invalid-argument", `invalid hostname: ${JSON.stringify(bad)}`);
  const extra = extraHosts.map(({ name, address }) => `${address}\t${name}`);
  return `${[...COMMON, ...extra, ...ownLine(endpoint, options)].join("\n")}\n`;
}

function ownLine(endpoint: HostsEndpoint | undefined, options: HostsOptions): string[] {
  if (endpoint === undefined) return [];
  const { domainname = "" } = options;
  const full = domainname === "" ? endpoint.hostname : `${endpoint.hostname}.${domainname}`;
  // The full name may have been given as the host name alone: the short one is what stands before the first dot.
  const dot = full.indexOf(".");
  const names = dot < 0 ? [full] : [full, full.slice(0, dot)];
  return [`${endpoint.address}\t${[...names, ...endpoint.aliases].join(" ")}`];
}

/** What `--add-host` may say in place of an address: the host as the container sees it. */
const HOST_GATEWAY = "host-gateway";

/**
 * Reads one `--add-host NAME:ADDRESS` (or `NAME=ADDRESS`).
 *
 * @throws `invalid-argument` for anything but a name and an address (a line break would write lines of its own), and for
 * `host-gateway` where there is no gateway.
 */
export function parseExtraHost(text: string, options: { readonly gateway?: string } = {}): ExtraHost {
  const match = /^([A-Za-z0-9_.-]+)[:=](.+)$/.exec(text);
  const [, name, target] = match ?? [];
  const bare = target?.replace(/^\[(.*)\]$/, "$1");
  const address = bare === HOST_GATEWAY ? options.gateway : bare;
  if (name === undefined || address === undefined || isIP(address) === 0)
    throw new GantryError("invalid-argument", `invalid IP address in add-host: "${text}"`, {
      hint: "write NAME:ADDRESS, or NAME:host-gateway in a network with a gateway",
    });
  return { name, address };
}
