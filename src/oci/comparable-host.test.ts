import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { comparableHost, isSameRegistry, withComparableHost } from "./comparable-host.ts";
import { isRegistryHost } from "./reference.ts";

describe("comparableHost", () => {
  test.each([
    ["registry.lan", "registry.lan"],
    ["Registry.LAN:443", "registry.lan"],
    ["registry.lan:0443", "registry.lan"],
    ["registry.lan:05000", "registry.lan:5000"],
    ["registry.lan:80", "registry.lan:80"],
    ["registry.lan:4430", "registry.lan:4430"],
    ["127.1:5000", "127.0.0.1:5000"],
    ["0x7f.1", "127.0.0.1"],
    ["[0:0::1]:443", "[::1]"],
    ["[FE80::0001]:5000", "[fe80::1]:5000"],
    ["index.docker.io", "docker.io"],
    ["Registry-1.Docker.IO:443", "docker.io"],
    ["*.Example.COM", "*.example.com"],
    // No request leads there.
    ["1.2.3.4.5", "1.2.3.4.5"],
    ["Registry.lan:99999", "registry.lan:99999"],
    ["user@registry.lan", "user@registry.lan"],
    ["", ""],
  ])("%s is compared as %s", (host, expected) => expect(comparableHost(host)).toBe(expected));

  test("two hosts are the same exactly if requests go to the same place", () => {
    const character = fc.constantFrom(..."aA1.:[]0x-".split(""), ":443", ":80", "localhost", "127.1");
    const host = fc.string({ unit: character, minLength: 1, maxLength: 12 }).filter(isRegistryHost);
    fc.assert(
      fc.property(
        host.filter((text) => URL.canParse(`https://${text}`)),
        host,
        (left, right) => {
          const place = (text: string) => URL.parse(`https://${text}`)?.origin;
          expect(isSameRegistry(left, right)).toBe(place(left) === place(right));
          expect(comparableHost(comparableHost(left))).toBe(comparableHost(left));
        },
      ),
    );
  });
});

test("of a name the host alone is compared in another spelling", () => {
  expect(withComparableHost("Registry.lan:443/team/app:443")).toBe("registry.lan/team/app:443");
  expect(withComparableHost("registry.lan:443")).toBe("registry.lan");
});
