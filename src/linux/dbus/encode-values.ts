import { GantryError } from "../../errors/gantry-error.ts";
import type { DbusValue, Variant } from "./dbus-value.ts";
import { alignmentOf, type BasicCode, type DbusType, parseSignature } from "./signature.ts";

/** Bytes that grow; offsets count from the beginning, which must be one that 8 divides in the message. */
class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  align(to: number): void {
    this.reserve((to - (this.#length % to)) % to);
  }

  /** Room for `count` zero bytes; the offset where it begins. */
  reserve(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + count));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length += count;
    return at;
  }

  set(at: number, write: (view: DataView, at: number) => void): void {
    write(this.#view, at);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }
}

type Put = (view: DataView, at: number, value: never) => void;

const NUMBERS: Readonly<Partial<Record<BasicCode, readonly [bytes: number, min: number, max: number, put: Put]>>> = {
  y: [1, 0, 0xff, (view, at, value) => view.setUint8(at, value)],
  n: [2, -0x8000, 0x7fff, (view, at, value) => view.setInt16(at, value, true)],
  q: [2, 0, 0xffff, (view, at, value) => view.setUint16(at, value, true)],
  i: [4, -0x8000_0000, 0x7fff_ffff, (view, at, value) => view.setInt32(at, value, true)],
  u: [4, 0, 0xffff_ffff, (view, at, value) => view.setUint32(at, value, true)],
  h: [4, 0, 0xffff_ffff, (view, at, value) => view.setUint32(at, value, true)],
};

function wrong(type: DbusType, value: unknown): GantryError {
  const what = type.kind === "basic" ? type.code : type.kind;
  return new GantryError("invalid-argument", `not a D-Bus value of type "${what}": ${typeof value}`);
}

function encodeBasic(out: Writer, type: DbusType & { kind: "basic" }, value: DbusValue): void {
  const { code } = type;
  const number = NUMBERS[code];
  if (number !== undefined) {
    const [bytes, min, max, put] = number;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) throw wrong(type, value);
    out.set(out.reserve(bytes), (view, at) => put(view, at, value as never));
  } else if (code === "b") {
    if (typeof value !== "boolean") throw wrong(type, value);
    out.set(out.reserve(4), (view, at) => view.setUint32(at, value ? 1 : 0, true));
  } else if (code === "x" || code === "t") {
    if (typeof value !== "bigint") throw wrong(type, value);
    const fits = code === "x" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
    if (fits !== value) throw wrong(type, value);
    out.set(out.reserve(8), (view, at) => view.setBigUint64(at, BigInt.asUintN(64, value), true));
  } else if (code === "d") {
    if (typeof value !== "number") throw wrong(type, value);
    out.set(out.reserve(8), (view, at) => view.setFloat64(at, value, true));
  } else {
    if (typeof value !== "string" || value.includes("\0")) throw wrong(type, value);
    if (code === "g") parseSignature(value);
    const bytes = Buffer.from(value, "utf8");
    if (code === "g") out.set(out.reserve(1), (view, at) => view.setUint8(at, bytes.length));
    else out.set(out.reserve(4), (view, at) => view.setUint32(at, bytes.length, true));
    out.bytes(bytes);
    out.reserve(1);
  }
}

function isVariant(value: DbusValue): value is Variant {
  return typeof value === "object" && "signature" in value;
}

function encodeOne(out: Writer, type: DbusType, value: DbusValue): void {
  out.align(alignmentOf(type));
  if (type.kind === "basic") {
    encodeBasic(out, type, value);
  } else if (type.kind === "variant") {
    if (!isVariant(value)) throw wrong(type, value);
    const [inner, ...others] = parseSignature(value.signature);
    if (inner === undefined || others.length > 0) throw wrong(type, value);
    encodeBasic(out, { kind: "basic", code: "g" }, value.signature);
    encodeOne(out, inner, value.value);
  } else if (type.kind === "array") {
    const lengthAt = out.reserve(4);
    out.align(alignmentOf(type.element));
    const beginsAt = out.length;
    const isBytes = type.element.kind === "basic" && type.element.code === "y";
    if (isBytes && value instanceof Uint8Array) out.bytes(value);
    else if (Array.isArray(value)) for (const element of value) encodeOne(out, type.element, element);
    else throw wrong(type, value);
    const length = out.length - beginsAt;
    out.set(lengthAt, (view, at) => view.setUint32(at, length, true));
  } else {
    if (!Array.isArray(value) || value.length !== type.fields.length) throw wrong(type, value);
    for (const [index, field] of type.fields.entries()) encodeOne(out, field, value[index]);
  }
}

/**
 * The little-endian form of `values`, one for each type of `signature` (D-Bus Specification, "Marshaling").
 *
 * @throws `invalid-argument` for a value that is not of its type.
 */
export function encodeValues(signature: string, values: readonly DbusValue[]): Uint8Array {
  const types = parseSignature(signature);
  if (types.length !== values.length) {
    throw new GantryError("invalid-argument", `${values.length} values for the D-Bus signature "${signature}"`);
  }
  const out = new Writer();
  for (const [index, type] of types.entries()) encodeOne(out, type, values[index] as DbusValue);
  return out.take();
}
