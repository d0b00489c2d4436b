import type { Filters } from "../../api/filters.ts";
import type { NetworkResource } from "../../api/network.ts";
import type { DoorNetwork, DoorParts } from "./door-parts.ts";
import type { Route } from "./router.ts";
import { formatTimestamp } from "./timestamp.ts";

const NETWORK_FILTERS = ["dangling", "driver", "id", "label", "name", "scope", "type"];

export function networkRoutes({ networks, engine }: DoorParts): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/networks",
      handle(exchange) {
        const matches = networkFilter(exchange.query.filters(NETWORK_FILTERS));
        exchange.sendJson(
          200,
          networks
            .list()
            .filter(matches)
            .map((network) => describeNetwork(network)),
        );
      },
    },
    {
      method: "GET",
      path: "/networks/{name}",
      handle(exchange) {
        const network = networks.inspect(exchange.parameter("name"));
        const names = new Map(engine.list().map(({ id, name }): [string, string] => [id, name]));
        const containers = network.endpoints.map((endpoint) => [
          endpoint.containerId,
          {
            Name: names.get(endpoint.containerId) ?? "",
            EndpointID: "",
            MacAddress: endpoint.mac,
            IPv4Address: `${endpoint.address}/${endpoint.prefixLength}`,
            IPv6Address: "",
          },
        ]);
        exchange.sendJson(200, { ...describeNetwork(network), Containers: Object.fromEntries(containers) });
      },
    },
  ];
}

function describeNetwork(network: DoorNetwork): NetworkResource {
  return {
    Name: network.name,
    Id: network.id,
    Created: formatTimestamp(BigInt(network.createdAtMs) * 1_000_000n),
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: null,
      Config:
        network.subnet === undefined
          ? []
          : [{ Subnet: network.subnet, ...(network.gateway === undefined ? {} : { Gateway: network.gateway }) }],
    },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Options: network.bridge === undefined ? {} : { "com.docker.network.bridge.name": network.bridge },
    Labels: {},
  };
}

function networkFilter(filters: Filters): (network: DoorNetwork) => boolean {
  const some = (name: string, test: (value: string) => boolean): boolean => filters[name]?.some(test) ?? true;
  const isTrue = (value: string): boolean => value === "true" || value === "1";
  return (network) =>
    some("name", (value) => network.name.includes(value)) &&
    some("id", (value) => network.id.startsWith(value)) &&
    some("driver", (value) => network.driver === value) &&
    some("scope", (value) => value === "local") &&
    some("type", (value) => value === "builtin") &&
    some("label", () => false) &&
    // The three that are always there never dangle.
    some("dangling", (value) => !isTrue(value));
}
