import { GantryError } from "../../errors/gantry-error.ts";
import type { DbusValue, Variant } from "./dbus-value.ts";
import { decodeValues } from "./decode-values.ts";
import { encodeValues } from "./encode-values.ts";

export const METHOD_CALL = 1;
export const METHOD_RETURN = 2;
export const ERROR = 3;
export const SIGNAL = 4;

export interface DbusMessage {
  readonly type: number;
  readonly serial: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature?: string;
  readonly body: readonly DbusValue[];
}

/** Header fields by number, with their types ("Header Fields"); 9 counts descriptors, which we never ask for. */
const FIELDS = [
  [1, "path", "o"],
  [2, "interface", "s"],
  [3, "member", "s"],
  [4, "errorName", "s"],
  [5, "replySerial", "u"],
  [6, "destination", "s"],
  [7, "sender", "s"],
  [8, "signature", "g"],
] as const;

const FIXED_BYTES = 16;
/** The specification's limit for a whole message. */
const MAX_BYTES = 128 << 20;
const LITTLE = 0x6c; // l
const BIG = 0x42; // B
const VERSION = 1;

/** @throws `invalid-argument` for values that are not of their types. */
export function encodeMessage(message: DbusMessage): Uint8Array {
  const body = encodeValues(message.signature ?? "", message.body);
  const fields: [number, Variant][] = FIELDS.flatMap(([number, name, signature]) => {
    const value = message[name];
    return value === undefined || value === "" ? [] : [[number, { signature, value }] as [number, Variant]];
  });
  const header = encodeValues("yyyyuua(yv)", [LITTLE, message.type, 0, VERSION, body.length, message.serial, fields]);
  const bodyAt = Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(bodyAt + body.length);
  bytes.set(header);
  bytes.set(body, bodyAt);
  return bytes;
}

/**
 * How long the message is that `bytes` begin with; undefined while they do not yet say.
 *
 * @throws `data-loss` for what is no message, or longer than any may be.
 */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if ((bytes[0] !== LITTLE && bytes[0] !== BIG) || bytes[3] !== VERSION) {
    throw new GantryError("data-loss", "what came from D-Bus is not a message");
  }
  const isLittle = bytes[0] === LITTLE;
  const headerBytes = FIXED_BYTES + view.getUint32(12, isLittle);
  const length = Math.ceil(headerBytes / 8) * 8 + view.getUint32(4, isLittle);
  if (length > MAX_BYTES)
    throw new GantryError("data-loss", `a D-Bus message of ${length} bytes is longer than any may be`);
  return length;
}

/** @param bytes one whole message. @throws `data-loss` for a malformed one. */
export function decodeMessage(bytes: Uint8Array): DbusMessage {
  const isBigEndian = bytes[0] === BIG;
  const [, type, , , bodyBytes, serial, fields] = decodeValues("yyyyuua(yv)", bytes, { isBigEndian });
  const named: Record<string, DbusValue> = {};
  for (const field of Array.isArray(fields) ? fields : []) {
    const [number, { signature, value }] = field as unknown as [number, Variant];
    const known = FIELDS.find(([known]) => known === number);
    if (known?.[2] === signature) named[known[1]] = value;
  }
  const signature = typeof named.signature === "string" ? named.signature : "";
  const body = decodeValues(signature, bytes.subarray(bytes.length - Number(bodyBytes)), { isBigEndian });
  return { ...named, type: Number(type), serial: Number(serial), signature, body };
}
