import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeAttributeList,
  decodeAttributes,
  decodeString,
  decodeUint32,
  decodeUint32BigEndian,
  decodeUint64BigEndian,
  encodeAttribute,
  encodeNested,
  encodeString,
  encodeUint32,
  encodeUint32BigEndian,
  encodeUint64BigEndian,
} from "./attributes.ts";

const attribute = fc.record({ type: fc.integer({ min: 0, max: 0x3fff }), payload: fc.uint8Array({ maxLength: 64 }) });

describe("netlink attributes", () => {
  test("come back as they went, aligned, at any depth", () => {
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 8 }), (list) => {
        const encoded = list.map(({ type, payload }) => encodeAttribute(type, payload));
        expect(encoded.every((bytes) => bytes.length % 4 === 0)).toBe(true);
        const [outer] = decodeAttributeList(encodeNested(7, encoded));
        const inner = decodeAttributeList(outer?.payload ?? new Uint8Array());
        expect(inner.map(({ type, payload }) => ({ type, payload: Uint8Array.from(payload) }))).toEqual(list);
      }),
    );
  });

  test("carry numbers and strings", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (small, large) => {
          const bytes = Buffer.concat([
            encodeUint32(1, small),
            encodeUint32BigEndian(2, small),
            encodeUint64BigEndian(3, large),
            encodeString(4, `name ${small}`),
          ]);
          const attributes = decodeAttributes(bytes);
          expect(decodeUint32(attributes.get(1))).toBe(small);
          expect(decodeUint32BigEndian(attributes.get(2))).toBe(small);
          expect(decodeUint64BigEndian(attributes.get(3))).toBe(large);
          expect(decodeString(attributes.get(4))).toBe(`name ${small}`);
        },
      ),
    );
  });

  test("of any bytes are read without failing, and never beyond them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => {
        const total = decodeAttributeList(bytes).reduce((sum, { payload }) => sum + 4 + payload.length, 0);
        expect(total).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  test("a length of less than its header ends the reading instead of looping", () => {
    expect(decodeAttributeList(Uint8Array.of(0, 0, 1, 0, 4, 0, 2, 0))).toEqual([]);
  });

  test("one that is too long for its length field is refused", () => {
    expect(() => encodeAttribute(1, new Uint8Array(0xffff))).toThrow("too long");
  });
});
