import type { NetworkSettings, PortSummary } from "../../api/container.ts";
import type { PortBinding, PortMap } from "../../api/host-config.ts";
import type { EndpointSettings } from "../../api/network.ts";
import type { Container, PublishedPort } from "../../engine/container/container.ts";
import { sortedRecord } from "./sorted-record.ts";

/** What a container's network is called: that of its endpoint, else its mode. */
export function networkModeOf(container: Container): string {
  return container.network?.mode ?? container.config.network?.mode ?? "bridge";
}

/** `NetworkSettings.Networks`: one entry, unless the container borrows another's network. */
export function describeEndpoints(container: Container): Readonly<Record<string, EndpointSettings>> {
  const mode = networkModeOf(container);
  if (mode.startsWith("container:")) return {};
  const endpoint = container.network?.endpoint;
  const settings: EndpointSettings = {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    MacAddress: endpoint?.mac ?? "",
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: endpoint?.networkId ?? "",
    EndpointID: endpoint?.endpointId ?? "",
    Gateway: endpoint?.gateway ?? "",
    IPAddress: endpoint?.address ?? "",
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
  return { [endpoint?.network ?? mode]: settings };
}

export function describeNetworkSettings(container: Container): NetworkSettings {
  const endpoint = container.network?.endpoint;
  return {
    Bridge: "",
    SandboxID: container.state.pid === 0 ? "" : container.id,
    SandboxKey: container.state.pid === 0 ? "" : `/proc/${container.state.pid}/ns/net`,
    Ports: describePorts(container),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: endpoint?.endpointId ?? "",
    Gateway: endpoint?.gateway ?? "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    IPAddress: endpoint?.address ?? "",
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: "",
    MacAddress: endpoint?.mac ?? "",
    Networks: describeEndpoints(container),
  };
}

/** What Docker says of a port on every address: a binding for each family. */
function addressesOf({ hostAddress, isOnIpv6 }: PublishedPort): readonly string[] {
  return isOnIpv6 === true ? [hostAddress, "::"] : [hostAddress];
}

function describePorts(container: Container): PortMap {
  if (!isUp(container)) return {};
  const ports: Record<string, PortBinding[] | null> = {};
  for (const port of container.effective.exposedPorts) ports[port] = null;
  for (const port of container.network?.endpoint?.ports ?? []) {
    const name = `${port.containerPort}/${port.protocol}`;
    const bindings = addressesOf(port).map((address) => ({ HostIp: address, HostPort: String(port.hostPort) }));
    ports[name] = [...(ports[name] ?? []), ...bindings];
  }
  return sortedRecord(ports);
}

/** `Ports` of a list: published ones with their addresses, exposed ones without. */
export function summarizePorts(container: Container): readonly PortSummary[] {
  if (!isUp(container)) return [];
  const published = container.network?.endpoint?.ports ?? [];
  const isPublished = new Set(published.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  return [
    ...container.effective.exposedPorts
      .filter((port) => !isPublished.has(port))
      .map((port): PortSummary => {
        const [number = "", protocol = "tcp"] = port.split("/");
        return { PrivatePort: Number(number), Type: protocol };
      }),
    ...published.flatMap((port) =>
      addressesOf(port).map(
        (address): PortSummary => ({
          IP: address,
          PrivatePort: port.containerPort,
          PublicPort: port.hostPort,
          Type: port.protocol,
        }),
      ),
    ),
  ];
}

function isUp({ state }: Container): boolean {
  return state.status === "running" || state.status === "paused";
}
