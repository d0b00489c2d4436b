import { encodeAttribute, encodeNested, encodeUint32 } from "./attributes.ts";
import { encodeIpv4 } from "./ipv4-address.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Source of the numbers: Linux `include/uapi/linux/netfilter/nfnetlink_conntrack.h`, `net/netfilter/nf_conntrack_netlink.c`. */
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const NFPROTO_IPV4 = 2;
const CTA_TUPLE_REPLY = 2;
const CTA_TUPLE_IP = 1;
const CTA_IP_V4_SRC = 1;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_FILTER_FLAG_IP_SRC = 1;

/**
 * Makes the kernel forget the connections that an address answers. A rewritten UDP "connection" would otherwise go on to an
 * address that is no more (or is another's) for as long as its client keeps sending. Best effort: a kernel that cannot filter
 * deletions refuses, and forgets in its own time.
 *
 * @param socket of protocol `netfilter`.
 */
export function forgetConnections(socket: NetlinkSocket, address: string): void {
  const source = encodeNested(CTA_TUPLE_IP, [encodeAttribute(CTA_IP_V4_SRC, encodeIpv4(address))]);
  const filter = encodeNested(CTA_FILTER, [
    encodeUint32(CTA_FILTER_ORIG_FLAGS, 0),
    encodeUint32(CTA_FILTER_REPLY_FLAGS, CTA_FILTER_FLAG_IP_SRC),
  ]);
  socket.tryPerform([
    {
      type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
      // struct nfgenmsg, then the attributes
      payload: Buffer.concat([Uint8Array.of(NFPROTO_IPV4, 0, 0, 0), encodeNested(CTA_TUPLE_REPLY, [source]), filter]),
      cause: `forget the connections of ${address}`,
    },
  ]);
}
