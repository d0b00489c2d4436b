import { GantryError } from "../../errors/gantry-error.ts";

/** An IPv4 address as a number (0 to 2³² − 1), so that subnets are arithmetic. */
export type Ipv4Number = number;

/** The number of a dotted address; `undefined` if `text` is none. Strict: four decimal parts without leading zeros. */
export function parseIpv4(text: string): Ipv4Number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatIpv4(address: Ipv4Number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** The four bytes of a dotted address, as the wire has them. */
export function encodeIpv4(text: string): Uint8Array {
  const value = parseIpv4(text);
  if (value === undefined) throw new GantryError("invalid-argument", `not an IPv4 address: ${text}`);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The dotted address of four bytes; `undefined` for any other length. */
export function decodeIpv4(bytes: Uint8Array | undefined): string | undefined {
  return bytes?.length === 4 ? bytes.join(".") : undefined;
}
