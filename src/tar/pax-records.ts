import { decodeByteText, encodeByteText } from "./byte-text.ts";
import { invalidTar } from "./tar-error.ts";
import type { TarTime } from "./tar-header.ts";

/** A record of a pax header: `"<length> <key>=<value>\n"` (POSIX.1-2017 pax, "pax Extended Header"). */
export interface PaxRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/** Reads all records, in order; keys may repeat. @throws `data-loss` for anything malformed. */
export function decodePaxRecords(bytes: Uint8Array): readonly PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    // Some writers fill the rest with zeros.
    if (bytes[at] === 0) break;
    const space = bytes.indexOf(SPACE, at);
    const digits = Buffer.from(bytes.subarray(at, space < 0 ? at : space)).toString("latin1");
    const length = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = bytes.indexOf(EQUALS, space);
    const isWhole = end <= bytes.length && equals > space + 1 && equals < end && bytes[end - 1] === NEWLINE;
    if (length === 0 || !isWhole) throw invalidTar("a pax record is malformed");
    records.push({ key: decodeByteText(bytes.subarray(space + 1, equals)), value: bytes.slice(equals + 1, end - 1) });
    at = end;
  }
  return records;
}

/** Writes a record; its length counts its own digits. */
export function encodePaxRecord(key: string, value: Uint8Array | string): Uint8Array {
  const body = Buffer.concat([
    Buffer.from(" "),
    encodeByteText(key),
    Buffer.from("="),
    typeof value === "string" ? encodeByteText(value) : value,
    Buffer.from("\n"),
  ]);
  let length = body.length + String(body.length).length;
  if (String(length).length !== String(body.length).length) length = body.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

/** Reads a non-negative decimal number that is exact. */
export function readPaxNumber(value: Uint8Array, what: string): number {
  const text = Buffer.from(value).toString("latin1");
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw invalidTar(`its ${what} is not a number`);
  return number;
}

/** Reads a time: decimal seconds, with a sign and a fraction, of which nine digits are kept. */
export function readPaxTime(value: Uint8Array): TarTime {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(Buffer.from(value).toString("latin1"));
  if (match === null) throw invalidTar("its time is not a number");
  const [, sign = "", whole = "0", fraction = ""] = match;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  const seconds = Number(whole);
  if (sign === "") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** Writes a time as `readPaxTime` reads it, in its shortest form. */
export function formatPaxTime(time: TarTime): string {
  if (time.nanoseconds === 0) return String(time.seconds);
  const isNegative = time.seconds < 0;
  const whole = isNegative ? -(time.seconds + 1) : time.seconds;
  const nanoseconds = isNegative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds;
  const fraction = String(nanoseconds).padStart(9, "0").replace(/0+$/, "");
  return `${isNegative ? "-" : ""}${whole}.${fraction}`;
}
