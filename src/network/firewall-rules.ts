import type { Chain, NftSet, Rule, Ruleset, SetElement } from "../linux/nft/ruleset.ts";
import type { PortBinding } from "./endpoint.ts";

/** A network as the firewall sees it. */
export interface FirewallNetwork {
  readonly bridge: string;
  /** The subnet's first address, without the prefix length. */
  readonly subnetAddress: string;
  readonly prefixLength: number;
}

/** A container's published ports. */
export interface PublishedEndpoint {
  readonly address: string;
  readonly ports: readonly PortBinding[];
}

/** IPv4's "every address". */
export const EVERY_ADDRESS = "0.0.0.0";

const LOOPBACK = { op: "address", address: "127.0.0.0", prefixLength: 8 } as const;

/** The map of ports that are published on one address of the host. */
function addressMap(elements: readonly SetElement[]): NftSet {
  return {
    name: "published",
    key: ["ipv4_addr", "inet_proto", "inet_service"],
    value: ["ipv4_addr", "inet_service"],
    elements,
  };
}

/** The map of ports that are published on every address of the host. */
function everywhereMap(elements: readonly SetElement[]): NftSet {
  return {
    name: "published-everywhere",
    key: ["inet_proto", "inet_service"],
    value: ["ipv4_addr", "inet_service"],
    elements,
  };
}

/** What publishing an endpoint's ports puts into the two maps: publishing is adding elements, nothing else changes. */
export function publishedElements(endpoints: readonly PublishedEndpoint[]): readonly NftSet[] {
  const onAddress: SetElement[] = [];
  const everywhere: SetElement[] = [];
  for (const { address, ports } of endpoints) {
    for (const port of ports) {
      const key = [port.protocol, String(port.hostPort)];
      const value = [address, String(port.containerPort)];
      if (port.hostAddress === EVERY_ADDRESS) everywhere.push({ key, value });
      else if (!port.hostAddress.includes(":")) onAddress.push({ key: [port.hostAddress, ...key], value });
    }
  }
  return [addressMap(onAddress), everywhereMap(everywhere)];
}

/**
 * Everything that the kernel is to do with packets of our networks: the whole table of one daemon.
 *
 * - `raw`: a container must not reach 127/8 of the host, although `route_localnet` lets its bridge route there.
 * - `publish`: destinations of this machine are rewritten where a port is published. From outside 127/8 never is.
 * - `forward`: from elsewhere only answers and rewritten connections reach a container; within a bridge all may talk.
 * - `postrouting`: outgoing connections get the host's address; so do those that the host makes from 127/8, and those that
 *   come back to the network that they came from, since the answers would not pass by here otherwise.
 */
export function buildRuleset(
  table: string,
  networks: readonly FirewallNetwork[],
  endpoints: readonly PublishedEndpoint[],
): Ruleset {
  const bridges: NftSet = {
    name: "bridges",
    key: ["ifname"],
    elements: networks.map(({ bridge }) => ({ key: [bridge] })),
  };
  const within: NftSet = {
    name: "within-bridge",
    key: ["ifname", "ifname"],
    elements: networks.map(({ bridge }) => ({ key: [bridge, bridge] })),
  };
  return {
    family: "ip",
    table,
    sets: [bridges, within, ...publishedElements(endpoints)],
    chains: [...publishingChains(), ...forwardingChains(), postrouting(networks)],
  };
}

function publishingChains(): Chain[] {
  const jump: Rule = { statements: [{ op: "fib-daddr-local" }, { op: "jump", chain: "publish" }] };
  return [
    {
      name: "raw",
      hook: { type: "filter", point: "prerouting", priority: -300 },
      rules: [
        {
          statements: [
            { op: "in-set", fields: ["iifname"], set: "bridges" },
            { ...LOOPBACK, field: "ip daddr" },
            { op: "counter" },
            { op: "drop" },
          ],
        },
      ],
    },
    {
      name: "publish",
      rules: [
        {
          statements: [{ op: "dnat-map", fields: ["ip daddr", "meta l4proto", "th dport"], map: "published" }],
        },
        { statements: [{ op: "dnat-map", fields: ["meta l4proto", "th dport"], map: "published-everywhere" }] },
      ],
    },
    {
      name: "prerouting",
      hook: { type: "nat", point: "prerouting", priority: -100 },
      rules: [{ statements: [{ ...LOOPBACK, field: "ip daddr" }, { op: "return" }] }, jump],
    },
    { name: "output", hook: { type: "nat", point: "output", priority: -100 }, rules: [jump] },
  ];
}

function forwardingChains(): Chain[] {
  return [
    {
      name: "to-containers",
      rules: [
        { statements: [{ op: "ct-state", states: ["established", "related"] }, { op: "accept" }] },
        { statements: [{ op: "in-set", fields: ["iifname", "oifname"], set: "within-bridge" }, { op: "accept" }] },
        { statements: [{ op: "ct-status-dnat" }, { op: "accept" }] },
        { statements: [{ op: "counter" }, { op: "drop" }] },
      ],
    },
    {
      name: "forward",
      hook: { type: "filter", point: "forward", priority: 0 },
      rules: [
        {
          statements: [
            { op: "in-set", fields: ["oifname"], set: "bridges" },
            { op: "jump", chain: "to-containers" },
          ],
        },
        { statements: [{ op: "in-set", fields: ["iifname"], set: "bridges" }, { op: "accept" }] },
      ],
    },
  ];
}

function postrouting(networks: readonly FirewallNetwork[]): Chain {
  const fromHost: Rule = {
    statements: [
      { op: "in-set", fields: ["oifname"], set: "bridges" },
      { ...LOOPBACK, field: "ip saddr" },
      { op: "masquerade" },
    ],
  };
  const ofNetworks = networks.flatMap((network): Rule[] => {
    const fromSubnet = {
      op: "address",
      field: "ip saddr",
      address: network.subnetAddress,
      prefixLength: network.prefixLength,
    } as const;
    return [
      {
        statements: [
          fromSubnet,
          { op: "interface", field: "oifname", name: network.bridge, isNegated: true },
          { op: "masquerade" },
        ],
      },
      {
        statements: [
          fromSubnet,
          { op: "interface", field: "oifname", name: network.bridge },
          { op: "ct-status-dnat" },
          { op: "masquerade" },
        ],
      },
    ];
  });
  return {
    name: "postrouting",
    hook: { type: "nat", point: "postrouting", priority: 100 },
    rules: [fromHost, ...ofNetworks],
  };
}
