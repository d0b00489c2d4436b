import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { DbusValue } from "./dbus-value.ts";
import { decodeValues } from "./decode-values.ts";
import { encodeValues } from "./encode-values.ts";
import { decodeMessage, encodeMessage, METHOD_CALL, messageLength } from "./message.ts";
import { parseSignature } from "./signature.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

interface Typed {
  readonly signature: string;
  readonly value: DbusValue;
}

const text = fc.string({ unit: "grapheme", maxLength: 12 }).map((value) => value.replaceAll("\0", ""));
const { typed } = fc.letrec<{ typed: Typed }>((tie) => {
  const of = (signature: string, value: fc.Arbitrary<DbusValue>): fc.Arbitrary<Typed> =>
    value.map((one) => ({ signature, value: one }));
  return {
    typed: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      of("y", fc.nat(255)),
      of("b", fc.boolean()),
      of("n", fc.integer({ min: -32_768, max: 32_767 })),
      of("q", fc.nat(65_535)),
      of("i", fc.integer()),
      of("u", fc.nat(0xffff_ffff)),
      of("x", fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      of("t", fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      of("d", fc.double({ noNaN: true })),
      of("s", text),
      of("ay", fc.uint8Array({ maxLength: 9 })),
      of("as", fc.array(text, { maxLength: 4 })),
      of("a{sv}", fc.array(fc.tuple(text, fc.constant({ signature: "u", value: 7 })), { maxLength: 3 })),
      tie("typed").map((inner) => ({ signature: "v", value: inner as DbusValue })),
      tie("typed").map((inner) => {
        const { signature, value } = inner as Typed;
        return {
          signature: signature === "y" ? "aay" : `a${signature}`,
          value: signature === "y" ? [] : [value, value],
        };
      }),
      fc.array(tie("typed"), { minLength: 1, maxLength: 4 }).map((fields) => ({
        signature: `(${(fields as Typed[]).map((field) => field.signature).join("")})`,
        value: (fields as Typed[]).map((field) => field.value),
      })),
    ),
  };
});

describe("D-Bus marshalling", () => {
  test("what is encoded is decoded again, in any nesting", () => {
    fc.assert(
      fc.property(fc.array(typed, { maxLength: 5 }), (values) => {
        const signature = values.map((one) => one.signature).join("");
        fc.pre(signature.length <= 255);
        const bytes = encodeValues(
          signature,
          values.map((one) => one.value),
        );
        expect(decodeValues(signature, bytes)).toEqual(values.map((one) => one.value));
      }),
    );
  });

  test("the bytes are those of the specification: alignment, lengths, padding", () => {
    expect(hex(encodeValues("ysu", [7, "foo", 1]))).toBe(`07000000${"03000000"}666f6f00${"01000000"}`);
    expect(hex(encodeValues("yat", [1, [5n]]))).toBe(`01000000${"08000000"}${"0500000000000000"}`);
    expect(hex(encodeValues("a(sv)", [[["A", { signature: "b", value: true }]]]))).toBe(
      `10000000${"00000000"}${"01000000"}4100${"0162"}00${"000000"}${"01000000"}`,
    );
    expect(hex(encodeValues("at", [[]]))).toBe("0000000000000000");
  });

  test("values that are not of their type are refused", () => {
    const bad: [string, DbusValue][] = [
      ["y", 256],
      ["u", -1],
      ["n", 1.5],
      ["t", 1],
      ["t", -1n],
      ["x", 2n ** 63n],
      ["s", "a\0b"],
      ["s", 5],
      ["b", 1],
      ["g", "("],
      ["as", "a"],
      ["(ss)", ["a"]],
      ["v", { signature: "ss", value: "a" }],
    ];
    for (const [signature, value] of bad) expect(() => encodeValues(signature, [value])).toThrow();
    expect(() => encodeValues("ss", ["a"])).toThrow('1 values for the D-Bus signature "ss"');
  });

  test("what is no signature is refused, and one that is nested too deep", () => {
    for (const bad of ["(", ")", "a", "{ss}", "a{vs}", "a{s}", "()", "z", `${"a".repeat(34)}y`, "s".repeat(256)]) {
      expect(() => parseSignature(bad)).toThrow("not a D-Bus signature");
    }
  });

  test("any bytes are decoded or refused, and never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), typed, (bytes, { signature }) => {
        try {
          decodeValues(signature, bytes);
          decodeMessage(bytes);
        } catch (error) {
          expect(isGantryError(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("D-Bus messages", () => {
  test("a message says its length as soon as its fixed part is there, and comes back as it was", () => {
    fc.assert(
      fc.property(text, fc.nat(0xffff), (word, serial) => {
        const message = {
          ...{ type: METHOD_CALL, serial: serial + 1, path: "/a", interface: "b.c", member: "D", destination: "e.f" },
          ...{ signature: "sa(sv)", body: [word, [["Name", { signature: "t", value: 5n }]]] },
        };
        const bytes = encodeMessage(message);
        expect(messageLength(bytes.subarray(0, 15))).toBeUndefined();
        expect(messageLength(bytes.subarray(0, 16))).toBe(bytes.length);
        expect(decodeMessage(bytes)).toEqual(message);
      }),
    );
  });

  test("what is no message, or longer than any may be, is refused", () => {
    expect(() => messageLength(Buffer.from("HTTP/1.1 400 Bad"))).toThrow("is not a message");
    const bytes = encodeMessage({ type: METHOD_CALL, serial: 1, body: [] });
    new DataView(bytes.buffer).setUint32(4, 0xffff_fff0, true);
    expect(() => messageLength(bytes)).toThrow("longer than any may be");
  });
});
