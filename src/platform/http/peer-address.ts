import type { Socket } from "node:net";

/** The address of the other end, in the family that it speaks: a socket of both shows IPv4 clients as `::ffff:192.0.2.1` (RFC 4291, section 2.5.5.2). */
export function peerAddress({ remoteAddress = "" }: Socket): string {
  return remoteAddress.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
