import { GantryError, isGantryError } from "../errors/gantry-error.ts";
import { addAddress } from "../linux/netlink/address.ts";
import { createVethPair, deleteLink, findLink, type Link, setLink } from "../linux/netlink/link.ts";
import { NetlinkSocket } from "../linux/netlink/netlink-socket.ts";
import { type NetworkNamespace, withNetworkNamespace } from "../linux/netlink/network-namespace.ts";
import { addRoute } from "../linux/netlink/route.ts";
import type { EndpointPlace } from "./endpoint.ts";
import { setNetworkParameter } from "./host-settings.ts";

/** The loopback is the first interface of every network namespace. */
const LOOPBACK_INDEX = 1;

/** The interface that a container sees. */
const CONTAINER_INTERFACE = "eth0";

/** In a fresh network namespace: only `lo`, up. */
export function raiseLoopback(namespace: NetworkNamespace): void {
  withNetworkNamespace(namespace, () => {
    using socket = NetlinkSocket.open("route");
    socket.perform([setLink({ index: LOOPBACK_INDEX }, { isUp: true })]);
  });
}

/**
 * Connects a network namespace with a bridge: a pair of interfaces, one end a port of the bridge, the other made inside as
 * `eth0` with the endpoint's addresses; `lo` and the default route. An interface that a crash left behind is replaced.
 * On failure nothing is left on the host.
 */
export function plugIn(
  host: NetlinkSocket,
  place: EndpointPlace,
  options: {
    readonly bridge: Link;
    readonly namespace: NetworkNamespace;
    /** Whose it is: the name has room for a few digits only. */
    readonly alias: string;
  },
): void {
  const { bridge, namespace, alias } = options;
  const name = place.hostInterface;
  const create = createVethPair(name, {
    master: bridge.index,
    ...(bridge.mtu === undefined ? {} : { mtu: bridge.mtu }),
    peer: { name: CONTAINER_INTERFACE, namespaceDescriptor: namespace.descriptor, mac: place.mac },
  });
  try {
    host.perform([create]);
  } catch (error) {
    if (!isGantryError(error, "already-exists")) throw error;
    unplug(host, place);
    host.perform([create]);
  }
  try {
    host.perform([setLink({ name }, { isUp: true, isHairpin: true, isWithoutIpv6LinkLocal: true, alias })]);
    withNetworkNamespace(namespace, () => configureInside(place));
  } catch (error) {
    unplug(host, place);
    throw error;
  }
}

function configureInside(place: EndpointPlace): void {
  using socket = NetlinkSocket.open("route");
  const link = findLink(socket, { name: CONTAINER_INTERFACE });
  if (link === undefined) throw new GantryError("internal", `${CONTAINER_INTERFACE} is not in the network namespace`);
  // A network without IPv6: no link-local address, nor the second that its duplicate address detection takes.
  setNetworkParameter(`ipv6/conf/${CONTAINER_INTERFACE}/disable_ipv6`, "1");
  socket.perform([
    setLink({ index: LOOPBACK_INDEX }, { isUp: true }),
    addAddress({ linkIndex: link.index, address: place.address, prefixLength: place.prefixLength }),
    setLink({ index: link.index }, { isUp: true }),
    addRoute({ destination: undefined, prefixLength: 0, gateway: place.gateway, linkIndex: link.index }),
  ]);
}

/** Removes an endpoint's interfaces, if the end of the namespace has not done so. Idempotent. */
export function unplug(host: NetlinkSocket, place: Pick<EndpointPlace, "hostInterface">): void {
  try {
    host.perform([deleteLink({ name: place.hostInterface })]);
  } catch (error) {
    if (!isGantryError(error, "not-found")) throw error;
  }
}
