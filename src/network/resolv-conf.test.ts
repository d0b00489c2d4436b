import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatResolvConf, isResolvedStub, parseResolvConf } from "./resolv-conf.ts";

const HOST = `# made by hand
domain old.example
nameserver 127.0.0.53
nameserver 192.0.2.53
nameserver fd00::53
search example.org example.net
options edns0 trust-ad
sortlist 1.2.3.4
nameserver nonsense
`;

describe("/etc/resolv.conf", () => {
  test("is the host's, without servers that a container cannot reach", () => {
    expect(formatResolvConf(HOST)).toBe(
      "nameserver 192.0.2.53\nsearch example.org example.net\noptions edns0 trust-ad\n",
    );
    expect(formatResolvConf(HOST, { hasIpv6: true })).toContain("nameserver fd00::53\n");
  });

  test("has Docker's servers where none is left", () => {
    expect(formatResolvConf("nameserver 127.0.0.1\n")).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    expect(formatResolvConf("")).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
  });

  test("gives way to what was asked for", () => {
    const options = { dns: ["127.0.0.11"], search: ["."], options: ["ndots:0"] };
    expect(formatResolvConf(HOST, options)).toBe("nameserver 127.0.0.11\noptions ndots:0\n");
  });

  test("is refused where it would write lines of its own", () => {
    expect(() => formatResolvConf("", { dns: ["1.1.1.1\nnameserver 6.6.6.6"] })).toThrow(
      "invalid address of a name server",
    );
    expect(() => formatResolvConf("", { search: ["a\nnameserver 6.6.6.6"] })).toThrow("invalid search domain");
    expect(() => formatResolvConf("", { options: ["x\noptions y"] })).toThrow("invalid option of the resolver");
  });

  test("knows systemd-resolved's stub", () => {
    expect(isResolvedStub("nameserver 127.0.0.53\noptions edns0\n")).toBe(true);
    expect(isResolvedStub(HOST)).toBe(false);
    expect(isResolvedStub("")).toBe(false);
  });

  test("is read from any text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => expect(parseResolvConf(text).nameservers.length).toBeGreaterThanOrEqual(0)),
    );
  });
});
