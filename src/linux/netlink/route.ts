import { decodeAttributes, decodeUint32, encodeAttribute, encodeUint32 } from "./attributes.ts";
import { decodeIpv4, encodeIpv4 } from "./ipv4-address.ts";
import { type NetlinkMessage, type NetlinkRequest, NLM_F_CREATE, NLM_F_EXCL } from "./message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Source of the numbers: Linux `include/uapi/linux/rtnetlink.h`. */
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const HEADER_BYTES = 12;

/** An IPv4 route. */
export interface Route {
  /** `undefined` with a prefix length of 0: the default route. */
  readonly destination: string | undefined;
  readonly prefixLength: number;
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
}

/** struct rtmsg */
function header(options: { readonly prefixLength: number; readonly scope: number }): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.set([AF_INET, options.prefixLength, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, options.scope, RTN_UNICAST]);
  return bytes;
}

/** Adds a route to the main table. */
export function addRoute(route: Route): NetlinkRequest {
  const scope = route.gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      header({ prefixLength: route.prefixLength, scope }),
      ...(route.destination === undefined ? [] : [encodeAttribute(RTA_DST, encodeIpv4(route.destination))]),
      ...(route.gateway === undefined ? [] : [encodeAttribute(RTA_GATEWAY, encodeIpv4(route.gateway))]),
      ...(route.linkIndex === undefined ? [] : [encodeUint32(RTA_OIF, route.linkIndex)]),
    ]),
    cause: `add the route to ${route.destination ?? "0.0.0.0"}/${route.prefixLength}`,
  };
}

/** Reads an RTM_NEWROUTE; `undefined` if it is none, or not a unicast route of IPv4. */
export function decodeRoute(message: NetlinkMessage): Route | undefined {
  if (message.type !== RTM_NEWROUTE || message.payload.length < HEADER_BYTES) return undefined;
  const view = Buffer.from(message.payload);
  if (view.readUInt8(0) !== AF_INET || view.readUInt8(1) > 32 || view.readUInt8(7) !== RTN_UNICAST) return undefined;
  const attributes = decodeAttributes(view.subarray(HEADER_BYTES));
  return {
    destination: decodeIpv4(attributes.get(RTA_DST)),
    prefixLength: view.readUInt8(1),
    gateway: decodeIpv4(attributes.get(RTA_GATEWAY)),
    linkIndex: decodeUint32(attributes.get(RTA_OIF)),
  };
}

/** Every unicast IPv4 route of the socket's network namespace, in all tables. */
export function listRoutes(socket: NetlinkSocket): Route[] {
  const payload = Buffer.alloc(HEADER_BYTES);
  payload.writeUInt8(AF_INET, 0);
  const messages = socket.dump({ type: RTM_GETROUTE, payload, cause: "list the routes of this machine" });
  return messages.map(decodeRoute).filter((route) => route !== undefined);
}
