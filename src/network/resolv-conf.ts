import { isIP } from "node:net";
import { GantryError } from "../errors/gantry-error.ts";

/** Docker's name servers of last resort (moby `resolvconf`). */
const DEFAULT_NAMESERVERS = ["8.8.8.8", "8.8.4.4"] as const;
/** The host's file is bounded before it is read. */
const MAX_HOST_BYTES = 64 * 1024;
/** systemd-resolved's stub listens here, and keeps the real servers elsewhere. */
const RESOLVED_STUB = "127.0.0.53";

/** Where the host's own resolv.conf is. */
export const HOST_RESOLV_CONF = "/etc/resolv.conf";
/** The file with the real servers, when `HOST_RESOLV_CONF` names systemd-resolved's stub only. */
export const RESOLVED_RESOLV_CONF = "/run/systemd/resolve/resolv.conf";

/** A resolv.conf, as far as containers care (resolv.conf(5)). */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Reads a resolv.conf. Total: what it does not know it leaves out; the last `search` or `domain` wins. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  const options: string[] = [];
  let search: readonly string[] = [];
  for (const line of text.slice(0, MAX_HOST_BYTES).split("\n")) {
    if (/^\s*[#;]/.test(line)) continue;
    const [keyword, ...values] = line.split(/\s+/).filter((word) => word !== "");
    const first = values[0];
    if (keyword === "nameserver" && first !== undefined && isIP(first.split("%")[0] ?? "") !== 0)
      nameservers.push(first);
    else if (keyword === "search") search = values;
    else if (keyword === "domain" && first !== undefined) search = [first];
    else if (keyword === "options") options.push(...values);
  }
  return { nameservers, search, options };
}

/** True if the host asks only systemd-resolved's stub, so that `RESOLVED_RESOLV_CONF` is the file to read. */
export function isResolvedStub(text: string): boolean {
  const { nameservers } = parseResolvConf(text);
  return nameservers.length > 0 && nameservers.every((address) => address === RESOLVED_STUB);
}

export interface ResolvConfOptions {
  /** `--dns`: in place of the host's; taken as they are. A network with names of its own gives 127.0.0.11 here. */
  readonly dns?: readonly string[];
  /** `--dns-search`: in place of the host's; `.` is none. */
  readonly search?: readonly string[];
  /** `--dns-option`: in place of the host's. */
  readonly options?: readonly string[];
  /** Whether the container has IPv6 beyond its loopback. @default false */
  readonly hasIpv6?: boolean;
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/**
 * The contents of a container's `/etc/resolv.conf`: the host's, without name servers that a container cannot reach (on the
 * host's loopback; of IPv6 without IPv6); if none is left, Docker's public ones.
 *
 * @throws `invalid-argument` for what would write lines of its own.
 * @param hostResolvConf the text of the host's file; empty if it has none.
 */
export function formatResolvConf(hostResolvConf: string, options: ResolvConfOptions = {}): string {
  refuseUnless(options.dns, (address) => isIP(address) !== 0, "invalid address of a name server");
  refuseUnless(options.search, (domain) => /^\S+$/.test(domain), "invalid search domain");
  refuseUnless(options.options, (option) => /^\S+$/.test(option), "invalid option of the resolver");
  const host = parseResolvConf(hostResolvConf);
  const reachable = host.nameservers.filter(
    (address) => !isLoopback(address) && (options.hasIpv6 === true || isIP(address) === 4),
  );
  const inherited = reachable.length > 0 ? reachable : DEFAULT_NAMESERVERS;
  const nameservers = isGiven(options.dns) ? options.dns : inherited;
  const search = (isGiven(options.search) ? options.search : host.search).filter((domain) => domain !== ".");
  const resolverOptions = isGiven(options.options) ? options.options : host.options;
  return [
    ...nameservers.map((address) => `nameserver ${address}\n`),
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}\n`]),
    ...(resolverOptions.length === 0 ? [] : [`options ${resolverOptions.join(" ")}\n`]),
  ].join("");
}

function isGiven(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}

function refuseUnless(list: readonly string[] | undefined, isValid: (item: string) => boolean, what: string): void {
  const bad = list?.find((item) => !isValid(item));
  if (bad !== undefined) throw new GantryError("invalid-argument", `${what}: ${JSON.stringify(bad)}`);
}
