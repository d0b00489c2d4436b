import { GantryError } from "../errors/gantry-error.ts";
import { formatIpv4, parseIpv4 } from "../linux/netlink/ipv4-address.ts";
import { DEFAULT_NETWORK } from "./default-network.ts";
import type { EndpointPlace } from "./endpoint.ts";
import type { NetworkRecord } from "./network-records.ts";
import { chooseAddress, contains, parseSubnet, subnetSize } from "./subnet.ts";

/**
 * The address of a new endpoint: the one that is asked for, else the next free one after the network's last.
 *
 * @param endpoints those of all networks.
 * @throws `invalid-argument` for one that the network does not have, `conflict` for one that is taken, `exhausted`.
 */
export function chooseEndpointAddress(
  network: NetworkRecord,
  endpoints: readonly EndpointPlace[],
  requested: string | undefined,
): string {
  const subnet = parseSubnet(network.subnet);
  const neighbours = endpoints.filter((endpoint) => endpoint.network === network.name);
  const inUse = new Set([network.gateway, ...neighbours.map((endpoint) => endpoint.address)].map(numberOf));
  if (requested === undefined || requested === "") {
    const previous = network.lastAddress === undefined ? undefined : numberOf(network.lastAddress);
    return formatIpv4(chooseAddress(subnet, inUse, { previous }));
  }
  if (network.name === DEFAULT_NETWORK)
    throw new GantryError("invalid-argument", "user specified IP address is supported on user defined networks only");
  const wanted = parseIpv4(requested);
  const last = subnet.address + subnetSize(subnet.prefixLength) - 1;
  if (wanted === undefined || !contains(subnet, wanted) || wanted === subnet.address || wanted === last)
    throw new GantryError("invalid-argument", `no configured subnet contains IP address ${requested}`);
  if (inUse.has(wanted)) throw new GantryError("conflict", `Address already in use: ${requested}`);
  return requested;
}

function numberOf(address: string): number {
  const value = parseIpv4(address);
  if (value === undefined) throw new GantryError("data-loss", `a recorded address is none: "${address}"`);
  return value;
}
