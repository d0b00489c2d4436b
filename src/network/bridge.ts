import { GantryError } from "../errors/gantry-error.ts";
import { addAddress, listAddresses } from "../linux/netlink/address.ts";
import { formatIpv4, parseIpv4 } from "../linux/netlink/ipv4-address.ts";
import { createBridge, deleteLink, findLink, type Link, listLinks, setLink } from "../linux/netlink/link.ts";
import type { NetlinkSocket } from "../linux/netlink/netlink-socket.ts";
import { listRoutes } from "../linux/netlink/route.ts";
import { setNetworkParameter } from "./host-settings.ts";
import { macOf } from "./names.ts";
import type { NetworkRecord } from "./network-records.ts";
import { parseSubnet, type Subnet, subnetOf, subnetSize } from "./subnet.ts";

/** Every subnet that this host knows by an address or a route, but for those of one interface. The default route is none. */
export function listHostSubnets(socket: NetlinkSocket, exceptLink: Link | undefined): Subnet[] {
  const known = [
    ...listAddresses(socket),
    ...listRoutes(socket).map((route) => ({ ...route, address: route.destination })),
  ];
  return known.flatMap(({ address, prefixLength, linkIndex }) => {
    const number = parseIpv4(address ?? "");
    const isOwn = exceptLink !== undefined && linkIndex === exceptLink.index;
    return number === undefined || prefixLength === 0 || isOwn ? [] : [subnetOf(number, prefixLength)];
  });
}

/** Makes a network's bridge be there and up, with its address and its kernel parameters. Idempotent. */
export function ensureBridge(socket: NetlinkSocket, network: NetworkRecord): Link {
  const name = network.bridge;
  if (findLink(socket, { name }) === undefined) {
    // With a hardware address of its own, the bridge does not take over that of whichever port has the lowest.
    socket.perform([createBridge(name, { mac: macOf(network.gateway) })]);
  }
  // IPv4 alone: no link-local address, no router solicitations. 127.0.0.1 of the host is routed to containers here.
  setNetworkParameter(`ipv6/conf/${name}/disable_ipv6`, "1");
  setNetworkParameter(`ipv4/conf/${name}/route_localnet`, "1");
  const link = findLink(socket, { name });
  if (link === undefined) throw new GantryError("internal", `the bridge ${name} vanished while it was made`);
  if (!listAddresses(socket).some((one) => one.linkIndex === link.index && one.address === network.gateway)) {
    const { address, prefixLength } = parseSubnet(network.subnet);
    const broadcast = formatIpv4(address + subnetSize(prefixLength) - 1);
    socket.perform([addAddress({ linkIndex: link.index, address: network.gateway, prefixLength, broadcast })]);
  }
  if (!link.isUp) socket.perform([setLink({ index: link.index }, { isUp: true })]);
  return link;
}

/** Removes the interfaces whose names begin with a prefix, but for those that are known: *what is listed minus what is known*. */
export function removeUnknownLinks(socket: NetlinkSocket, prefix: string, known: ReadonlySet<string>): string[] {
  const unknown = listLinks(socket).filter((link) => link.name.startsWith(prefix) && !known.has(link.name));
  // One that went by itself meanwhile is gone as well.
  socket.tryPerform(unknown.map((link) => deleteLink({ index: link.index })));
  return unknown.map((link) => link.name);
}
