import { GantryError } from "../../errors/gantry-error.ts";

/**
 * Netlink attributes: type-length-value records, padded to four bytes, possibly nested.
 *
 * Source: Linux `include/uapi/linux/netlink.h` (struct nlattr). Numbers are in the host's byte order, which is little-endian
 * on both supported architectures; nf_tables wants big-endian numbers, see the `…BigEndian` variants.
 */

const HEADER_BYTES = 4;
const FLAG_NESTED = 0x8000;
/** Both flag bits (nested, network byte order) lie above the type. */
const TYPE_MASK = 0x3fff;
/** The length field has 16 bits. */
const MAX_ATTRIBUTE_BYTES = 0xffff;

/** `length` rounded up to netlink's alignment. */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

/** One encoded attribute with its padding. */
export function encodeAttribute(type: number, payload: Uint8Array): Uint8Array {
  const length = HEADER_BYTES + payload.length;
  if (length > MAX_ATTRIBUTE_BYTES)
    throw new GantryError("invalid-argument", `a netlink attribute of ${length} bytes is too long`);
  const bytes = Buffer.alloc(align4(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** An attribute that contains attributes. */
export function encodeNested(type: number, children: readonly Uint8Array[]): Uint8Array {
  return encodeAttribute(type | FLAG_NESTED, Buffer.concat(children));
}

export function encodeUint8(type: number, value: number): Uint8Array {
  return encodeAttribute(type, Uint8Array.of(value));
}

export function encodeUint32(type: number, value: number): Uint8Array {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value >>> 0);
  return encodeAttribute(type, payload);
}

/** A 32-bit number in network byte order; negative numbers become two's complement. */
export function encodeUint32BigEndian(type: number, value: number): Uint8Array {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value >>> 0);
  return encodeAttribute(type, payload);
}

/** A 64-bit number in network byte order. */
export function encodeUint64BigEndian(type: number, value: bigint): Uint8Array {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(value);
  return encodeAttribute(type, payload);
}

/** A string with its terminating NUL. */
export function encodeString(type: number, text: string): Uint8Array {
  return encodeAttribute(type, Buffer.from(`${text}\0`, "utf8"));
}

/** Attributes by type; the last of a type wins, as in the kernel's own parser. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

/**
 * Splits `bytes` into its attributes, in order. Total: a record whose length does not fit ends the reading,
 * as in the kernel's `nla_for_each_attr`.
 */
export function decodeAttributeList(bytes: Uint8Array): { readonly type: number; readonly payload: Uint8Array }[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list: { type: number; payload: Uint8Array }[] = [];
  for (let offset = 0; offset + HEADER_BYTES <= view.length; ) {
    const length = view.readUInt16LE(offset);
    if (length < HEADER_BYTES || offset + length > view.length) break;
    const type = view.readUInt16LE(offset + 2) & TYPE_MASK;
    list.push({ type, payload: view.subarray(offset + HEADER_BYTES, offset + length) });
    offset += align4(length);
  }
  return list;
}

/** The attributes of `bytes` by type. */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  return new Map(decodeAttributeList(bytes).map(({ type, payload }) => [type, payload]));
}

/** The string of an attribute, up to its first NUL; `undefined` if the attribute is absent. */
export function decodeString(payload: Uint8Array | undefined): string | undefined {
  if (payload === undefined) return undefined;
  const end = payload.indexOf(0);
  return Buffer.from(end === -1 ? payload : payload.subarray(0, end)).toString("utf8");
}

/** The 32-bit number of an attribute; `undefined` if it is absent or too short. */
export function decodeUint32(payload: Uint8Array | undefined): number | undefined {
  if (payload === undefined || payload.length < 4) return undefined;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readUInt32LE(0);
}

/** The 32-bit number in network byte order of an attribute; `undefined` if it is absent or too short. */
export function decodeUint32BigEndian(payload: Uint8Array | undefined): number | undefined {
  if (payload === undefined || payload.length < 4) return undefined;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readUInt32BE(0);
}

/** The 64-bit number in network byte order of an attribute; `undefined` if it is absent or too short. */
export function decodeUint64BigEndian(payload: Uint8Array | undefined): bigint | undefined {
  if (payload === undefined || payload.length < 8) return undefined;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readBigUInt64BE(0);
}
