import { formatIpv4 } from "../linux/netlink/ipv4-address.ts";
import { type HostNames, networkId } from "./names.ts";
import type { NetworkRecord } from "./network-records.ts";
import { chooseSubnet, formatSubnet, overlaps, parseSubnet, type Subnet } from "./subnet.ts";

/** The network that a container is in unless it asks for another. */
export const DEFAULT_NETWORK = "bridge";

export interface DefaultNetworkFacts {
  readonly names: HostNames;
  readonly bridge: string;
  /** The host's other subnets. */
  readonly taken: readonly Subnet[];
  /** Its bridge is there, or containers have addresses in it. */
  readonly isInUse: boolean;
  readonly nowMs: number;
}

/**
 * The default network to be recorded: where there is none yet, or where its subnet is in use elsewhere by now (a VPN, a
 * dockerd) and nothing of ours depends on it. Undefined when it stays as it is.
 *
 * @throws `exhausted` when no subnet is free.
 */
export function planDefaultNetwork(
  recorded: NetworkRecord | undefined,
  { names, bridge, taken, isInUse, nowMs }: DefaultNetworkFacts,
): NetworkRecord | undefined {
  if (recorded !== undefined) {
    const subnet = parseSubnet(recorded.subnet);
    if (isInUse || !taken.some((other) => overlaps(other, subnet))) return undefined;
  }
  const subnet = chooseSubnet(taken);
  const createdAtMs = recorded?.createdAtMs ?? nowMs;
  return {
    name: DEFAULT_NETWORK,
    id: recorded?.id ?? networkId(names, DEFAULT_NETWORK, createdAtMs),
    bridge,
    subnet: formatSubnet(subnet),
    gateway: formatIpv4(subnet.address + 1),
    createdAtMs,
    lastAddress: undefined,
  };
}
