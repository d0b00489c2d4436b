import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeAttributes } from "./attributes.ts";
import { decodeMessages } from "./message.ts";
import {
  decodeMovableAddress,
  encodeMove,
  encodeMovedAddress,
  encodeUp,
  INDEX_AT,
  NAMESPACE_AT,
} from "./movable-link.ts";

const only = (bytes: Uint8Array) => {
  const [message, ...others] = decodeMessages(bytes);
  expect(others).toEqual([]);
  if (message === undefined) throw new Error("no message");
  return message;
};

describe("messages with room", () => {
  test("the number of the interface is where it is said to be", () => {
    for (const bytes of [
      encodeUp(0x01020304, true),
      encodeMovedAddress(0x01020304, { family: 2, prefixLength: 8, attributes: [] }),
    ])
      expect(Buffer.from(bytes).readUInt32LE(INDEX_AT)).toBe(0x01020304);
  });

  test("the descriptor of the namespace is where it is said to be", () => {
    const bytes = Buffer.from(encodeMove(7, "eth0", true));
    bytes.writeUInt32LE(99, NAMESPACE_AT);
    const attributes = decodeAttributes(only(bytes).payload.subarray(16));
    expect([...attributes].map(([type, value]) => [type, Buffer.from(value).toString("hex")])).toEqual([
      [28, "63000000"],
      [3, Buffer.from("eth0\0").toString("hex")],
      [49, "07000000"],
    ]);
  });
});

describe("decodeMovableAddress", () => {
  const address = (flags: number, scope: number) => {
    const message = only(
      encodeMovedAddress(7, {
        family: 2,
        prefixLength: 24,
        attributes: [
          [1, Uint8Array.of(10, 0, 0, 1)],
          [2, Uint8Array.of(10, 0, 0, 1)],
        ],
      }),
    );
    const payload = Buffer.from(message.payload);
    payload.writeUInt8(flags, 2);
    payload.writeUInt8(scope, 3);
    return { ...message, payload };
  };

  test("takes what is permanent and global", () => {
    expect(decodeMovableAddress(address(0x80, 0), 7)).toMatchObject({ family: 2, prefixLength: 24 });
    expect(decodeMovableAddress(address(0x80, 0), 8)).toBeUndefined();
    expect(decodeMovableAddress(address(0x80, 253), 7)).toBeUndefined();
    expect(decodeMovableAddress(address(0, 0), 7)).toBeUndefined();
  });

  test("is total", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => {
        decodeMovableAddress({ type: 20, flags: 0, sequence: 0, payload }, 0);
      }),
    );
  });
});
