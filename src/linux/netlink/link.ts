import {
  decodeAttributes,
  decodeString,
  decodeUint32,
  encodeAttribute,
  encodeNested,
  encodeString,
  encodeUint8,
  encodeUint32,
} from "./attributes.ts";
import { type NetlinkMessage, type NetlinkRequest, NLM_F_CREATE, NLM_F_EXCL } from "./message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Source of the numbers: Linux `include/uapi/linux/rtnetlink.h`, `if_link.h`, `if.h`, `veth.h`. */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const IFF_UP = 0x1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const VETH_INFO_PEER = 1;
const AF_INET6 = 10;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const HEADER_BYTES = 16;

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  /** `02:42:ac:11:00:02`; `undefined` for an interface without one. */
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  /** The index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** `bridge`, `veth`, …; `undefined` for hardware and the loopback. */
  readonly kind: string | undefined;
  /** Free text that belongs to the interface (`ip link show` calls it alias). */
  readonly alias: string | undefined;
}

/** An interface is named by its index or, for what is created in the same batch, by its name. */
export type LinkName = { readonly index: number } | { readonly name: string };

function describe(link: LinkName): string {
  return "name" in link ? `"${link.name}"` : `number ${link.index}`;
}

/** struct ifinfomsg */
function header(options: { readonly index?: number; readonly isUp?: boolean }): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeInt32LE(options.index ?? 0, 4);
  bytes.writeUInt32LE(options.isUp === true ? IFF_UP : 0, 8);
  bytes.writeUInt32LE(options.isUp === undefined ? 0 : IFF_UP, 12);
  return bytes;
}

function nameLink(link: LinkName): { readonly header: number; readonly attributes: readonly Uint8Array[] } {
  return "index" in link
    ? { header: link.index, attributes: [] }
    : { header: 0, attributes: [encodeString(IFLA_IFNAME, link.name)] };
}

function encodeMac(mac: string): Uint8Array {
  return encodeAttribute(IFLA_ADDRESS, Buffer.from(mac.replaceAll(":", ""), "hex"));
}

/** Creates a bridge, down. */
export function createBridge(
  name: string,
  options: { readonly mac?: string; readonly mtu?: number } = {},
): NetlinkRequest {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      header({}),
      encodeString(IFLA_IFNAME, name),
      ...(options.mac === undefined ? [] : [encodeMac(options.mac)]),
      ...(options.mtu === undefined ? [] : [encodeUint32(IFLA_MTU, options.mtu)]),
      encodeNested(IFLA_LINKINFO, [encodeString(IFLA_INFO_KIND, "bridge")]),
    ]),
    cause: `create the bridge "${name}"`,
  };
}

export interface VethOptions {
  /** What the other end is called, and in which network namespace it is made directly, never seen outside of it. */
  readonly peer: { readonly name: string; readonly namespaceDescriptor: number; readonly mac?: string };
  /** The index of the bridge that this end becomes a port of. */
  readonly master?: number;
  readonly mtu?: number;
}

/** Creates two interfaces that are connected, both down: `name` here, its peer in another network namespace. */
export function createVethPair(name: string, options: VethOptions): NetlinkRequest {
  const { peer } = options;
  const mtu = options.mtu === undefined ? [] : [encodeUint32(IFLA_MTU, options.mtu)];
  const peerMessage = Buffer.concat([
    header({}),
    encodeString(IFLA_IFNAME, peer.name),
    encodeUint32(IFLA_NET_NS_FD, peer.namespaceDescriptor),
    ...(peer.mac === undefined ? [] : [encodeMac(peer.mac)]),
    ...mtu,
  ]);
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      header({}),
      encodeString(IFLA_IFNAME, name),
      ...mtu,
      ...(options.master === undefined ? [] : [encodeUint32(IFLA_MASTER, options.master)]),
      encodeNested(IFLA_LINKINFO, [
        encodeString(IFLA_INFO_KIND, "veth"),
        encodeNested(IFLA_INFO_DATA, [encodeAttribute(VETH_INFO_PEER, peerMessage)]),
      ]),
    ]),
    cause: `create the interface "${name}"`,
  };
}

export interface LinkChanges {
  readonly isUp?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  readonly name?: string;
  /** The index of the bridge to become a port of. */
  readonly master?: number;
  readonly alias?: string;
  /** No link-local IPv6 address, and so no duplicate address detection. */
  readonly isWithoutIpv6LinkLocal?: boolean;
  /** A port of a bridge: frames may go out where they came in (a container that reaches itself by a published port). */
  readonly isHairpin?: boolean;
}

/** Changes an interface. A new name needs the interface to be named by its index. */
export function setLink(link: LinkName, changes: LinkChanges): NetlinkRequest {
  const named = nameLink(link);
  const attributes = [...named.attributes];
  if (changes.mtu !== undefined) attributes.push(encodeUint32(IFLA_MTU, changes.mtu));
  if (changes.mac !== undefined) attributes.push(encodeMac(changes.mac));
  if (changes.name !== undefined) attributes.push(encodeString(IFLA_IFNAME, changes.name));
  if (changes.master !== undefined) attributes.push(encodeUint32(IFLA_MASTER, changes.master));
  if (changes.alias !== undefined) attributes.push(encodeAttribute(IFLA_IFALIAS, Buffer.from(changes.alias, "utf8")));
  if (changes.isWithoutIpv6LinkLocal === true) {
    const mode = encodeUint8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    attributes.push(encodeNested(IFLA_AF_SPEC, [encodeNested(AF_INET6, [mode])]));
  }
  if (changes.isHairpin !== undefined) {
    const mode = encodeUint8(IFLA_BRPORT_MODE, changes.isHairpin ? 1 : 0);
    attributes.push(
      encodeNested(IFLA_LINKINFO, [
        encodeString(IFLA_INFO_SLAVE_KIND, "bridge"),
        encodeNested(IFLA_INFO_SLAVE_DATA, [mode]),
      ]),
    );
  }
  return {
    // Only NEWLINK takes the link's information of its kind.
    type: changes.isHairpin === undefined ? RTM_SETLINK : RTM_NEWLINK,
    payload: Buffer.concat([
      header({ index: named.header, ...(changes.isUp === undefined ? {} : { isUp: changes.isUp }) }),
      ...attributes,
    ]),
    cause: `configure the interface ${describe(link)}`,
  };
}

/** Removes an interface; of a veth pair both ends go. */
export function deleteLink(link: LinkName): NetlinkRequest {
  const named = nameLink(link);
  return {
    type: RTM_DELLINK,
    payload: Buffer.concat([header({ index: named.header }), ...named.attributes]),
    cause: `remove the interface ${describe(link)}`,
  };
}

/** Reads an RTM_NEWLINK; `undefined` if it is none, or has no name. */
export function decodeLink(message: NetlinkMessage): Link | undefined {
  if (message.type !== RTM_NEWLINK || message.payload.length < HEADER_BYTES) return undefined;
  const view = Buffer.from(message.payload);
  const attributes = decodeAttributes(view.subarray(HEADER_BYTES));
  const name = decodeString(attributes.get(IFLA_IFNAME));
  if (name === undefined) return undefined;
  const information = attributes.get(IFLA_LINKINFO);
  const address = attributes.get(IFLA_ADDRESS);
  return {
    index: view.readInt32LE(4),
    name,
    isUp: (view.readUInt32LE(8) & IFF_UP) !== 0,
    mac: address?.length === 6 ? (Buffer.from(address).toString("hex").match(/../g) ?? []).join(":") : undefined,
    mtu: decodeUint32(attributes.get(IFLA_MTU)),
    master: decodeUint32(attributes.get(IFLA_MASTER)),
    kind: information === undefined ? undefined : decodeString(decodeAttributes(information).get(IFLA_INFO_KIND)),
    alias: decodeString(attributes.get(IFLA_IFALIAS)),
  };
}

/** Every interface of the socket's network namespace. */
export function listLinks(socket: NetlinkSocket): Link[] {
  const messages = socket.dump({ type: RTM_GETLINK, payload: header({}), cause: "list the network interfaces" });
  return messages.map(decodeLink).filter((link) => link !== undefined);
}

/** One interface of the socket's network namespace, if it is there. */
export function findLink(socket: NetlinkSocket, link: LinkName): Link | undefined {
  const named = nameLink(link);
  const message = socket.get({
    type: RTM_GETLINK,
    payload: Buffer.concat([header({ index: named.header }), ...named.attributes]),
    cause: `look at the interface ${describe(link)}`,
  });
  return message === undefined ? undefined : decodeLink(message);
}
