import { isGantryError } from "../../errors/gantry-error.ts";
import { type Attributes, decodeAttributes, encodeAttribute, encodeNested, encodeUint32 } from "./attributes.ts";
import { decodeIpv4, encodeIpv4 } from "./ipv4-address.ts";
import type { NetlinkRequest } from "./message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Source of the numbers: Linux `include/uapi/linux/netfilter/nfnetlink_conntrack.h`, `net/netfilter/nf_conntrack_netlink.c`. */
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const NFPROTO_IPV4 = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_TUPLE_IP = 1;
const CTA_IP_V4_SRC = 1;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_FILTER_FLAG_IP_SRC = 1;
const NLA_F_NESTED = 0x8000;
const NFGENMSG_BYTES = 4;
/** Each is some hundred bytes, and a socket sends some hundred kilobytes at once. */
const MOST_AT_ONCE = 500;

/**
 * Makes the kernel forget the connections that an address answers. A rewritten UDP "connection" would otherwise go on to an
 * address that is no more (or is another's) for as long as its client keeps sending. Best effort: a kernel without
 * connection tracking over netlink has its refusals ignored, and forgets in its own time.
 *
 * @param socket of protocol `netfilter`.
 */
export function forgetConnections(socket: NetlinkSocket, address: string): void {
  const source = encodeNested(CTA_TUPLE_IP, [encodeAttribute(CTA_IP_V4_SRC, encodeIpv4(address))]);
  const filter = encodeNested(CTA_FILTER, [
    encodeUint32(CTA_FILTER_ORIG_FLAGS, 0),
    encodeUint32(CTA_FILTER_REPLY_FLAGS, CTA_FILTER_FLAG_IP_SRC),
  ]);
  const selection = [encodeNested(CTA_TUPLE_REPLY, [source]), filter];
  const cause = `forget the connections of ${address}`;
  const [answer] = socket.tryPerform([request(IPCTNL_MSG_CT_DELETE, selection, cause)]);
  if (answer?.errno === 0) return;
  // A deletion with a filter is refused by kernels as new as 6.1; they can list with one (5.8), and delete each by its tuple.
  const deletions = listConnections(socket, request(IPCTNL_MSG_CT_GET, selection, cause))
    .filter((connection) => answeringAddress(connection) === address)
    .map((connection) => request(IPCTNL_MSG_CT_DELETE, identify(connection), cause));
  for (let done = 0; done < deletions.length; done += MOST_AT_ONCE)
    socket.tryPerform(deletions.slice(done, done + MOST_AT_ONCE));
}

/** A message of the subsystem: struct nfgenmsg, then attributes. */
function request(message: number, attributes: readonly Uint8Array[], cause: string): NetlinkRequest {
  return {
    type: (NFNL_SUBSYS_CTNETLINK << 8) | message,
    payload: Buffer.concat([Uint8Array.of(NFPROTO_IPV4, 0, 0, 0), ...attributes]),
    cause,
  };
}

function listConnections(socket: NetlinkSocket, selection: NetlinkRequest): Attributes[] {
  try {
    return socket.dump(selection).map(({ payload }) => decodeAttributes(payload.subarray(NFGENMSG_BYTES)));
  } catch (error) {
    if (isGantryError(error)) return [];
    throw error;
  }
}

function answeringAddress(connection: Attributes): string | undefined {
  const reply = decodeAttributes(connection.get(CTA_TUPLE_REPLY) ?? new Uint8Array());
  return decodeIpv4(decodeAttributes(reply.get(CTA_TUPLE_IP) ?? new Uint8Array()).get(CTA_IP_V4_SRC));
}

/** What the kernel finds one connection by. Its number is there so that none that took its place meanwhile is meant. */
function identify(connection: Attributes): Uint8Array[] {
  return [CTA_TUPLE_ORIG | NLA_F_NESTED, CTA_ZONE, CTA_ID].flatMap((type) => {
    const payload = connection.get(type & ~NLA_F_NESTED);
    return payload === undefined ? [] : [encodeAttribute(type, payload)];
  });
}
