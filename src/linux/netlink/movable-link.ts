import { decodeAttributes, decodeUint32, encodeAttribute, encodeString, encodeUint32 } from "./attributes.ts";
import { findLink } from "./link.ts";
import { encodeMessage, type NetlinkMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from "./message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Source of the numbers: Linux `include/uapi/linux/rtnetlink.h`, `if_link.h`, `if_addr.h`, `if.h`. */
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const IFF_UP = 1;
const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;
const IFLA_NEW_IFINDEX = 49;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_UNIVERSE = 0;
const ADDRESS_HEADER_BYTES = 8;

/** Where a message's interface is said: after the header and four bytes, in struct ifinfomsg and in struct ifaddrmsg. */
export const INDEX_AT = 20;
/** Where `encodeMove` leaves room for the descriptor of the network namespace. */
export const NAMESPACE_AT = 36;

/** An address as an interface keeps it: family and prefix, and the attributes that make it. */
export interface MovableAddress {
  readonly family: number;
  readonly prefixLength: number;
  readonly attributes: readonly (readonly [type: number, value: Uint8Array])[];
}

/** An interface with what it loses by moving to another network namespace. */
export interface MovableLink {
  readonly index: number;
  readonly addresses: readonly MovableAddress[];
}

/** Looks at an interface; `undefined` if there is none of that name. Addresses are those that are permanent and global. */
export function readMovableLink(socket: NetlinkSocket, name: string): MovableLink | undefined {
  const link = findLink(socket, { name });
  if (link === undefined) return undefined;
  const payload = new Uint8Array(ADDRESS_HEADER_BYTES);
  const messages = socket.dump({ type: RTM_GETADDR, payload, cause: `list the addresses of "${name}"` });
  const addresses = messages.map((message) => decodeMovableAddress(message, link.index));
  return { index: link.index, addresses: addresses.filter((address) => address !== undefined) };
}

/** Reads an RTM_NEWADDR; `undefined` if it is none of interface `index`, or none that moves along. */
export function decodeMovableAddress(message: NetlinkMessage, index: number): MovableAddress | undefined {
  if (message.type !== RTM_NEWADDR || message.payload.length < ADDRESS_HEADER_BYTES) return undefined;
  const view = Buffer.from(message.payload);
  const attributes = decodeAttributes(view.subarray(ADDRESS_HEADER_BYTES));
  const flags = decodeUint32(attributes.get(IFA_FLAGS)) ?? view.readUInt8(2);
  if (view.readUInt32LE(4) !== index || view.readUInt8(3) !== RT_SCOPE_UNIVERSE || !(flags & IFA_F_PERMANENT))
    return undefined;
  return {
    family: view.readUInt8(0),
    prefixLength: view.readUInt8(1),
    attributes: [IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST].flatMap((type) => {
      const value = attributes.get(type);
      return value === undefined ? [] : [[type, value] as const];
    }),
  };
}

function linkHeader(index: number, up?: boolean): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(up === true ? IFF_UP : 0, 8);
  bytes.writeUInt32LE(up === undefined ? 0 : IFF_UP, 12);
  return bytes;
}

function encode(type: number, payload: Uint8Array, flags = 0): Uint8Array {
  return encodeMessage({ type, payload, flags: NLM_F_REQUEST | NLM_F_ACK | flags }, { sequence: 1 });
}

/** Sets an interface up or down; 0 where its number is put in later, at `INDEX_AT`. */
export function encodeUp(index: number, isUp: boolean): Uint8Array {
  return encode(RTM_NEWLINK, linkHeader(index, isUp));
}

/**
 * Moves an interface to the network namespace that is put in at `NAMESPACE_AT`, under its new name at once, so that the
 * old one cannot be in the way there.
 *
 * @param keepsIndex fail rather than take another number there.
 */
export function encodeMove(index: number, name: string, keepsIndex: boolean): Uint8Array {
  return encode(
    RTM_NEWLINK,
    Buffer.concat([
      linkHeader(index),
      encodeUint32(IFLA_NET_NS_FD, 0),
      encodeString(IFLA_IFNAME, name),
      ...(keepsIndex ? [encodeUint32(IFLA_NEW_IFINDEX, index)] : []),
    ]),
  );
}

/** Gives an interface an address that it had; 0 where its number is put in later, at `INDEX_AT`. */
export function encodeMovedAddress(index: number, address: MovableAddress): Uint8Array {
  const header = Buffer.alloc(ADDRESS_HEADER_BYTES);
  header.writeUInt8(address.family, 0);
  header.writeUInt8(address.prefixLength, 1);
  header.writeUInt32LE(index, 4);
  const attributes = address.attributes.map(([type, value]) => encodeAttribute(type, value));
  return encode(RTM_NEWADDR, Buffer.concat([header, ...attributes]), NLM_F_CREATE | NLM_F_EXCL);
}
