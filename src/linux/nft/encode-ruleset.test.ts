import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeAttributes } from "../netlink/attributes.ts";
import { decodeComment, encodeElementChange, encodeRule } from "./encode-ruleset.ts";
import { decodeChain } from "./nft-socket.ts";
import type { NftSet } from "./ruleset.ts";

const PORTS: NftSet = { name: "ports", key: ["inet_proto", "inet_service"], elements: [] };

describe("encoding for nf_tables", () => {
  test("elements go in as many messages as their size needs", () => {
    const elements = Array.from({ length: 1000 }, (_, port) => ({ key: ["tcp", String(port)] }));
    const messages = encodeElementChange("t", { op: "add", set: PORTS, elements });
    expect(messages).toHaveLength(4);
    expect(Math.max(...messages.map((message) => message.payload.length))).toBeLessThan(65536);
    expect(encodeElementChange("t", { op: "add", set: PORTS, elements: [] })).toEqual([]);
  });

  test("refuses what is no port, no protocol, no interface, and a key of another shape", () => {
    const add = (key: readonly string[], set = PORTS) =>
      encodeElementChange("t", { op: "add", set, elements: [{ key }] });
    expect(() => add(["tcp", "65536"])).toThrow('not a port: "65536"');
    expect(() => add(["sctp", "1"])).toThrow('not a protocol with ports: "sctp"');
    expect(() => add(["tcp"])).toThrow("an element of 1 parts in a set of 2");
    const names: NftSet = { name: "names", key: ["ifname"], elements: [] };
    expect(() => add(["sixteen-bytes-is"], names)).toThrow("not a name of a network interface");
  });

  test("a comment comes back", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9 -]{1,100}$/), (comment) => {
        const { payload } = encodeRule({ table: "t", chain: "c" }, { statements: [], comment });
        expect(decodeComment(decodeAttributes(payload.subarray(4)).get(7))).toBe(comment);
      }),
    );
  });

  test("any bytes from the kernel are read without failing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => {
        decodeComment(bytes);
        decodeChain(bytes);
      }),
    );
  });
});
