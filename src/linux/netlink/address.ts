import { decodeAttributes, encodeAttribute } from "./attributes.ts";
import { decodeIpv4, encodeIpv4 } from "./ipv4-address.ts";
import { type NetlinkMessage, type NetlinkRequest, NLM_F_CREATE, NLM_F_EXCL } from "./message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Source of the numbers: Linux `include/uapi/linux/rtnetlink.h`, `if_addr.h`. */
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const HEADER_BYTES = 8;

/** An IPv4 address of an interface. */
export interface InterfaceAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** struct ifaddrmsg */
function header(options: { readonly prefixLength: number; readonly linkIndex: number }): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt8(AF_INET, 0);
  bytes.writeUInt8(options.prefixLength, 1);
  bytes.writeUInt32LE(options.linkIndex, 4);
  return bytes;
}

/** Gives an interface an IPv4 address; with it come the route to its subnet and, where given, the broadcast address. */
export function addAddress(address: InterfaceAddress & { readonly broadcast?: string }): NetlinkRequest {
  const bytes = encodeIpv4(address.address);
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      header(address),
      encodeAttribute(IFA_LOCAL, bytes),
      encodeAttribute(IFA_ADDRESS, bytes),
      ...(address.broadcast === undefined ? [] : [encodeAttribute(IFA_BROADCAST, encodeIpv4(address.broadcast))]),
    ]),
    cause: `give interface number ${address.linkIndex} the address ${address.address}/${address.prefixLength}`,
  };
}

/** Reads an RTM_NEWADDR; `undefined` if it is none, or not of IPv4. */
export function decodeAddress(message: NetlinkMessage): InterfaceAddress | undefined {
  if (message.type !== RTM_NEWADDR || message.payload.length < HEADER_BYTES) return undefined;
  const view = Buffer.from(message.payload);
  if (view.readUInt8(0) !== AF_INET || view.readUInt8(1) > 32) return undefined;
  const attributes = decodeAttributes(view.subarray(HEADER_BYTES));
  const address = decodeIpv4(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS));
  if (address === undefined) return undefined;
  return { linkIndex: view.readUInt32LE(4), address, prefixLength: view.readUInt8(1) };
}

/** Every IPv4 address of the socket's network namespace. */
export function listAddresses(socket: NetlinkSocket): InterfaceAddress[] {
  const payload = header({ prefixLength: 0, linkIndex: 0 });
  const messages = socket.dump({ type: RTM_GETADDR, payload, cause: "list the addresses of this machine" });
  return messages.map(decodeAddress).filter((address) => address !== undefined);
}
