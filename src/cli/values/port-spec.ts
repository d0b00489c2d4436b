import type { PortBinding } from "../../api/host-config.ts";
import { ipVersion } from "./ip-address.ts";

const PORT_MAX = 65535;
const PROTOCOLS: readonly string[] = ["tcp", "udp", "sctp"];

interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** What `-p` asks for. */
export interface PortPlan {
  /** `80/tcp`, … each once, in the order of the flags. */
  readonly exposed: readonly string[];
  readonly bindings: Readonly<Record<string, readonly PortBinding[]>>;
}

function parseRange(text: string, what: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first > PORT_MAX || last > PORT_MAX || first > last) {
    throw new Error(`invalid ${what}: ${text}`);
  }
  return { first, last };
}

function parseProtocol(text: string): string {
  const protocol = text.toLowerCase();
  if (!PROTOCOLS.includes(protocol)) throw new Error(`invalid proto: ${text}`);
  return protocol;
}

/** `80`, `80/udp`, `8000-8010/tcp`, as `--expose` takes them: each port by itself. */
export function parseExposed(text: string): readonly string[] {
  const [ports = "", protocolText, rest] = text.split("/");
  if (rest !== undefined || ports === "") throw new Error(`invalid range format for --expose: ${text}`);
  const protocol = parseProtocol(protocolText ?? "tcp");
  const { first, last } = parseRange(ports, "range format for --expose");
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

/** The long form, `target=80,published=8080,protocol=udp`, as the short one. */
function fromLongForm(spec: string): string {
  const values: Record<string, string> = { protocol: "tcp", published: "", target: "" };
  for (const part of spec.split(",")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(0, equals));
    if (equals < 1) throw new Error(`invalid publish opts format (should be name=value but got '${part}')`);
    // Docker takes `mode` and does nothing with it outside of a swarm.
    if (!(name in values) && name !== "mode") throw new Error(`invalid publish opts format: unknown name '${name}'`);
    values[name] = part.slice(equals + 1);
  }
  return `${values.published}:${values.target}/${values.protocol}`;
}

function splitAddress(text: string): { address: string; ports: readonly string[] } {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text);
  if (bracketed !== null) return { address: bracketed[1] ?? "", ports: (bracketed[2] ?? "").split(":") };
  const parts = text.split(":");
  if (parts.length <= 2) return { address: "", ports: parts };
  // The last two are ports; what stands before them is the address, an IPv6 one even without brackets.
  return { address: parts.slice(0, -2).join(":"), ports: parts.slice(-2) };
}

/** Adds what one `-p` says to `bindings`. */
function addSpec(spec: string, bindings: Map<string, PortBinding[]>): void {
  const text = spec.includes("=") ? fromLongForm(spec) : spec;
  const slash = text.lastIndexOf("/");
  const protocol = parseProtocol(slash < 0 ? "tcp" : text.slice(slash + 1));
  const { address, ports } = splitAddress(slash < 0 ? text : text.slice(0, slash));
  const containerText = ports.at(-1) ?? "";
  const hostText = ports.length > 1 ? (ports.at(-2) ?? "") : "";
  if (containerText === "") throw new Error(`no port specified: ${spec}<empty>`);
  if (address !== "" && ipVersion(address) === 0) throw new Error(`invalid IP address: ${address}`);
  const container = parseRange(containerText, "containerPort");
  const host = hostText === "" ? undefined : parseRange(hostText, "hostPort");
  const count = container.last - container.first;
  const hostCount = host === undefined ? count : host.last - host.first;
  // A single port of the container may get any one port of a range of the host's.
  if (hostCount !== count && count !== 0) {
    throw new Error(`invalid ranges specified for container and host Ports: ${containerText} and ${hostText}`);
  }
  for (let index = 0; index <= count; index++) {
    let hostPort = "";
    if (host !== undefined) hostPort = hostCount === count ? String(host.first + index) : hostText;
    const key = `${container.first + index}/${protocol}`;
    const known = bindings.get(key) ?? [];
    bindings.set(key, [...known, { HostIp: address, HostPort: hostPort }]);
  }
}

/**
 * Reads `-p` in all its forms: `80`, `8080:80`, `127.0.0.1:8080:80/udp`, `[::1]::80`, `8000-8010:80-90`,
 * `target=80,published=8080,protocol=tcp`.
 *
 * @throws in Docker's words (docker/go-connections, `nat`).
 */
export function parsePortSpecs(specs: readonly string[]): PortPlan {
  const bindings = new Map<string, PortBinding[]>();
  for (const spec of specs) addSpec(spec, bindings);
  return { exposed: [...bindings.keys()], bindings: Object.fromEntries(bindings) };
}
