import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeAddress } from "./address.ts";
import { encodeString } from "./attributes.ts";
import { decodeLink } from "./link.ts";
import { decodeAcknowledgement, decodeMessages, encodeMessage, NLMSG_ERROR } from "./message.ts";
import { decodeRoute } from "./route.ts";

const message = fc.record({
  type: fc.integer({ min: 0, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 0xffff }),
  payload: fc.uint8Array({ maxLength: 64 }),
});

describe("netlink messages", () => {
  test("come back as they went, in order", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), (list) => {
        const datagram = Buffer.concat(list.map((one, index) => encodeMessage(one, { sequence: index })));
        const decoded = decodeMessages(datagram).map((one) => ({ ...one, payload: Uint8Array.from(one.payload) }));
        expect(decoded).toEqual(list.map((one, sequence) => ({ ...one, sequence })));
      }),
    );
  });

  test("of any bytes are read without failing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 512 }), fc.constantFrom(2, 3, 16, 20, 24), (bytes, type) => {
        for (const one of [...decodeMessages(bytes), { type, flags: 0x300, sequence: 0, payload: bytes }]) {
          decodeAcknowledgement(one);
          decodeLink(one);
          decodeAddress(one);
          decodeRoute(one);
        }
      }),
    );
  });

  test("an acknowledgement tells the error and the kernel's words, with the request echoed or not", () => {
    const errno = Buffer.alloc(4);
    errno.writeInt32LE(-17);
    const words = encodeString(1, "no such thing");
    const request = encodeMessage({ type: 1, payload: Buffer.alloc(8) }, { sequence: 1 });
    const capped = Buffer.concat([errno, request.subarray(0, 16), words]);
    const whole = Buffer.concat([errno, request, words]);
    const base = { type: NLMSG_ERROR, sequence: 1 };
    const expected = { errno: 17, text: "no such thing" };
    expect(decodeAcknowledgement({ ...base, flags: 0x300, payload: capped })).toEqual(expected);
    expect(decodeAcknowledgement({ ...base, flags: 0x200, payload: whole })).toEqual(expected);
    expect(decodeAcknowledgement({ ...base, flags: 0, payload: whole })).toEqual({ errno: 17, text: undefined });
  });
});
