import { describe, expect, test } from "bun:test";
import { formatHosts, parseExtraHost } from "./hosts-file.ts";

const COMMON = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`;

describe("/etc/hosts", () => {
  test("has the usual names, those that were added, and the container's own", () => {
    const endpoint = { address: "172.17.0.2", hostname: "web", aliases: [] };
    const extra = [{ name: "db", address: "10.0.0.5" }];
    expect(formatHosts(endpoint, extra)).toBe(`${COMMON}10.0.0.5	db\n172.17.0.2	web\n`);
    expect(formatHosts(endpoint, [], { domainname: "example.org" })).toBe(`${COMMON}172.17.0.2	web.example.org web\n`);
    expect(formatHosts({ ...endpoint, hostname: "web.example.org" }, [])).toBe(
      `${COMMON}172.17.0.2	web.example.org web\n`,
    );
    expect(formatHosts(undefined, [])).toBe(COMMON);
  });

  test("takes --add-host in Docker's forms", () => {
    expect(parseExtraHost("db:10.0.0.5")).toEqual({ name: "db", address: "10.0.0.5" });
    expect(parseExtraHost("db=::1")).toEqual({ name: "db", address: "::1" });
    expect(parseExtraHost("db:[fd00::1]")).toEqual({ name: "db", address: "fd00::1" });
    expect(parseExtraHost("up:host-gateway", { gateway: "172.17.0.1" })).toEqual({ name: "up", address: "172.17.0.1" });
  });

  test("refuses what would write lines of its own", () => {
    for (const text of [
      "db",
      "db:",
      "db:nowhere",
      "a\n6.6.6.6 b:1.2.3.4",
      "db:1.2.3.4\n6.6.6.6 bank",
      "up:host-gateway",
    ]) {
      expect(() => parseExtraHost(text)).toThrow("invalid IP address in add-host");
    }
    const hostname = "web\n6.6.6.6 bank";
    expect(() => formatHosts({ address: "172.17.0.2", hostname, aliases: [] }, [])).toThrow("invalid hostname");
  });
});
