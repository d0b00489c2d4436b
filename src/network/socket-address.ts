import { isIP } from "node:net";
import { GantryError } from "../errors/gantry-error.ts";
import { encodeIpv4 } from "../linux/netlink/ipv4-address.ts";

const AF_INET = 2;
const AF_INET6 = 10;

/** The sixteen bytes of an IPv6 address without a zone. @throws `invalid-argument` */
export function encodeIpv6(text: string): Uint8Array {
  if (isIP(text) !== 6 || text.includes("%")) throw new GantryError("invalid-argument", `not an IPv6 address: ${text}`);
  const [head = "", tail] = text.split("::");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 16 - before.length - after.length }, () => 0);
  return Uint8Array.from([...before, ...zeros, ...after]);
}

/** The bytes of groups between colons; the last may be an IPv4 address (RFC 4291, 2.2). */
function groups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return [...encodeIpv4(group)];
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

/** An address and port as bind(2) takes them: struct sockaddr_in or sockaddr_in6. */
export function encodeSocketAddress(address: string, port: number): { family: number; bytes: Uint8Array } {
  const isIpv6 = isIP(address) === 6;
  const bytes = Buffer.alloc(isIpv6 ? 28 : 16);
  bytes.writeUInt16LE(isIpv6 ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  if (isIpv6) bytes.set(encodeIpv6(address), 8);
  else bytes.set(encodeIpv4(address), 4);
  return { family: isIpv6 ? AF_INET6 : AF_INET, bytes };
}
