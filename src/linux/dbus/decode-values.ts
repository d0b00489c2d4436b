import { GantryError } from "../../errors/gantry-error.ts";
import type { DbusValue } from "./dbus-value.ts";
import { alignmentOf, type DbusType, parseSignature } from "./signature.ts";

/** Variants in variants: a peer must not make us recurse without end. */
const MAX_DEPTH = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true });

function malformed(): GantryError {
  return new GantryError("data-loss", "a D-Bus message is malformed");
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isLittle: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, isLittle: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isLittle = isLittle;
  }

  get at(): number {
    return this.#at;
  }

  align(to: number): void {
    this.#take((to - (this.#at % to)) % to);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw malformed();
    this.#at += count;
    return at;
  }

  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.slice(at, at + count);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), this.#isLittle);
  }

  text(length: number): string {
    const bytes = this.bytes(length);
    if (this.bytes(1)[0] !== 0) throw malformed();
    try {
      return utf8.decode(bytes);
    } catch {
      throw malformed();
    }
  }

  basic(type: DbusType & { kind: "basic" }): DbusValue {
    const little = this.#isLittle;
    switch (type.code) {
      case "y":
        return this.#view.getUint8(this.#take(1));
      case "b": {
        const value = this.uint32();
        if (value > 1) throw malformed();
        return value === 1;
      }
      case "n":
        return this.#view.getInt16(this.#take(2), little);
      case "q":
        return this.#view.getUint16(this.#take(2), little);
      case "i":
        return this.#view.getInt32(this.#take(4), little);
      case "u":
      case "h":
        return this.uint32();
      case "x":
        return this.#view.getBigInt64(this.#take(8), little);
      case "t":
        return this.#view.getBigUint64(this.#take(8), little);
      case "d":
        return this.#view.getFloat64(this.#take(8), little);
      case "s":
      case "o":
        return this.text(this.uint32());
      case "g":
        return this.text(this.#view.getUint8(this.#take(1)));
    }
  }

  one(type: DbusType, depth = 0): DbusValue {
    if (depth > MAX_DEPTH) throw malformed();
    this.align(alignmentOf(type));
    switch (type.kind) {
      case "basic":
        return this.basic(type);
      case "variant": {
        const signature = this.text(this.bytes(1)[0] ?? 0);
        const [inner, ...others] = parseSignature(signature);
        if (inner === undefined || others.length > 0) throw malformed();
        return { signature, value: this.one(inner, depth + 1) };
      }
      case "array":
        return this.#array(type.element, depth);
      case "struct":
      case "entry":
        return type.fields.map((field) => this.one(field, depth + 1));
    }
  }

  #array(element: DbusType, depth: number): DbusValue {
    const length = this.uint32();
    this.align(alignmentOf(element));
    if (element.kind === "basic" && element.code === "y") return this.bytes(length);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed();
    const elements: DbusValue[] = [];
    while (this.#at < end) elements.push(this.one(element, depth + 1));
    if (this.#at !== end) throw malformed();
    return elements;
  }
}

/**
 * The values of `bytes`, one for each type of `signature`; what follows them is passed over.
 *
 * @throws `data-loss` for bytes that do not hold them, `invalid-argument` for a bad signature.
 */
export function decodeValues(
  signature: string,
  bytes: Uint8Array,
  options: { readonly isBigEndian?: boolean } = {},
): readonly DbusValue[] {
  const reader = new Reader(bytes, options.isBigEndian !== true);
  return parseSignature(signature).map((type) => reader.one(type));
}
