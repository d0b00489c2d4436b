import { expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../../../errors/gantry-error.ts";
import { formatListenAddress, parseListenAddress } from "./listen-address.ts";

test.each([
  ["127.0.0.1:5000", "127.0.0.1", 5000],
  [":5000", "::", 5000],
  ["0.0.0.0:0", "0.0.0.0", 0],
  ["localhost", "localhost", 5000],
  ["[::1]:80", "::1", 80],
  ["[::1]", "::1", 5000],
  ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535],
])("%s is where a server listens", (text, hostname, port) => {
  expect(parseListenAddress(text)).toEqual({ hostname, port });
});

test.each([
  "",
  "::1",
  "::1:80",
  "a:b",
  "a:65536",
  "a:-1",
  "a:123456",
  "[::1",
  "::1]",
  "[x]:1",
  "a:1:2",
  "http://a:1",
  "5001",
  "a b",
  "a\n",
  "/",
  "a\0:1",
])("%p is no address, and one sentence says how it is written", (text) => {
  expect(() => parseListenAddress(text)).toThrow(JSON.stringify(text));
});

test("what is formatted is read as the same; whatever comes is an address or an error of ours", () => {
  const hostname = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(hostname, fc.nat(65_535), fc.string(), (host, port, odd) => {
      expect(parseListenAddress(formatListenAddress({ hostname: host, port }))).toEqual({ hostname: host, port });
      try {
        const found = parseListenAddress(odd);
        expect(found.hostname).not.toBe("");
        expect(found.port).toBeLessThan(65_536);
      } catch (error) {
        expect(isGantryError(error, "invalid-argument")).toBe(true);
      }
    }),
  );
});
