import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeIpv4, encodeIpv4, formatIpv4, parseIpv4 } from "./ipv4-address.ts";

describe("IPv4 addresses", () => {
  test("survive formatting and encoding", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (address) => {
        expect(parseIpv4(formatIpv4(address))).toBe(address);
        expect(decodeIpv4(encodeIpv4(formatIpv4(address)))).toBe(formatIpv4(address));
      }),
    );
  });

  test("are read strictly", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.-4",
      " 1.2.3.4",
      "1.2.3.4\n",
      "0x1.2.3.4",
    ]) {
      expect(parseIpv4(text)).toBeUndefined();
    }
  });
});
