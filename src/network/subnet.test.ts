import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatIpv4, parseIpv4 } from "../linux/netlink/ipv4-address.ts";
import {
  chooseAddress,
  chooseSubnet,
  contains,
  formatSubnet,
  listPoolSubnets,
  overlaps,
  parseSubnet,
  subnetOf,
} from "./subnet.ts";

const subnet = fc
  .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefixLength]) => subnetOf(address, prefixLength));

describe("subnets", () => {
  test("come back from their text", () => {
    fc.assert(fc.property(subnet, (one) => expect(parseSubnet(formatSubnet(one))).toEqual(one)));
  });

  test("overlap exactly when one contains the other's first address", () => {
    fc.assert(
      fc.property(subnet, subnet, (left, right) => {
        expect(overlaps(left, right)).toBe(contains(left, right.address) || contains(right, left.address));
      }),
    );
  });

  test("are not read from addresses or nonsense", () => {
    for (const text of ["", "172.17.0.0", "172.17.0.1/16", "172.17.0.0/33", "172.17.0.0/16 ", "300.0.0.0/8"]) {
      expect(() => parseSubnet(text)).toThrow();
    }
  });

  test("are chosen from Docker's pools, past everything that is known", () => {
    const pool = listPoolSubnets();
    expect(pool.length).toBe(15 + 16);
    expect(formatSubnet(chooseSubnet([]))).toBe("172.17.0.0/16");
    expect(formatSubnet(chooseSubnet([parseSubnet("172.16.0.0/12")]))).toBe("192.168.0.0/20");
    expect(formatSubnet(chooseSubnet([parseSubnet("172.17.5.0/24"), parseSubnet("172.18.0.9/32")]))).toBe(
      "172.19.0.0/16",
    );
    expect(() => chooseSubnet(pool)).toThrow("all predefined address pools have been fully subnetted");
  });
});

describe("addresses", () => {
  const small = parseSubnet("10.0.0.0/29");
  const number = (text: string): number => parseIpv4(text) ?? 0;

  test("are given in turn, and a freed one not at once", () => {
    const inUse = new Set([number("10.0.0.1")]);
    const given: string[] = [];
    let previous: number | undefined;
    for (let round = 0; round < 7; round++) {
      previous = chooseAddress(small, inUse, { previous });
      given.push(formatIpv4(previous));
    }
    expect(given.map((text) => text.slice(7))).toEqual(["2", "3", "4", "5", "6", "2", "3"]);
  });

  test("never include the subnet's own, the broadcast, or one in use", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 5 }),
        fc.integer({ min: 0, max: 7 }),
        (used, from) => {
          const inUse = new Set(used.map((host) => small.address + host));
          const address = chooseAddress(small, inUse, { previous: small.address + from });
          expect(inUse.has(address)).toBe(false);
          expect(address - small.address).toBeWithin(1, 7);
        },
      ),
    );
  });

  test("end", () => {
    const all = new Set([1, 2, 3, 4, 5, 6].map((host) => small.address + host));
    expect(() => chooseAddress(small, all, { previous: undefined })).toThrow("no available IPv4 addresses");
  });
});
