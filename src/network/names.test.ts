import { describe, expect, test } from "bun:test";
import { parsePortRequest } from "./host-ports.ts";
import { parsePortRange } from "./host-settings.ts";
import { chooseInterfaceName, hostNames, macOf } from "./names.ts";
import { isSameHostPort } from "./port-hold.ts";
import { encodeIpv6, encodeSocketAddress } from "./socket-address.ts";

describe("names on the host", () => {
  test("fit, carry the container's id, and are never given twice", () => {
    const names = hostNames("01234567");
    const taken = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const name = chooseInterfaceName(names, "abcdef".repeat(10), taken);
      expect(name.length).toBe(15);
      expect(taken.has(name)).toBe(false);
      taken.add(name);
    }
    expect(chooseInterfaceName(names, "abcdef", new Set())).toBe("gv01234567abcde");
    expect(() => hostNames("../../x")).toThrow();
  });

  test("hardware addresses are made of the IPv4 address", () => {
    expect(macOf("172.17.0.2")).toBe("02:42:ac:11:00:02");
  });
});

describe("host ports", () => {
  test("are the same where an address is shared", () => {
    const port = (hostAddress: string, hostPort = 80, protocol: "tcp" | "udp" = "tcp") => ({
      hostAddress,
      hostPort,
      protocol,
    });
    expect(isSameHostPort(port("0.0.0.0"), port("127.0.0.1"))).toBe(true);
    expect(isSameHostPort(port("127.0.0.1"), port("127.0.0.1"))).toBe(true);
    expect(isSameHostPort(port("127.0.0.1"), port("127.0.0.2"))).toBe(false);
    expect(isSameHostPort(port("0.0.0.0"), port("0.0.0.0", 81))).toBe(false);
    expect(isSameHostPort(port("0.0.0.0"), port("0.0.0.0", 80, "udp"))).toBe(false);
  });

  test("are asked for in valid numbers and addresses only", () => {
    const request = { containerPort: 80, protocol: "tcp" } as const;
    expect(parsePortRequest(request)).toEqual({ ...request, hostAddress: "0.0.0.0", hostPort: 0 });
    expect(parsePortRequest({ ...request, hostAddress: "[::1]" }).hostAddress).toBe("::1");
    for (const bad of [
      { containerPort: 0 },
      { containerPort: 1.5 },
      { hostPort: 65536 },
      { hostPort: -1 },
      { hostAddress: "localhost" },
    ]) {
      expect(() => parsePortRequest({ ...request, ...bad })).toThrow("invalid");
    }
  });

  test("are chosen in the kernel's range, or Docker's", () => {
    expect(parsePortRange("32768\t60999\n")).toEqual({ first: 32768, last: 60999 });
    for (const text of ["", "60999 32768", "0 5", "1 70000", "a b"]) {
      expect(parsePortRange(text)).toEqual({ first: 49153, last: 65535 });
    }
  });

  test("IPv6 addresses become their bytes", () => {
    const hex = (text: string): string => Buffer.from(encodeIpv6(text)).toString("hex");
    expect(hex("::")).toBe("00".repeat(16));
    expect(hex("::1")).toBe(`${"00".repeat(15)}01`);
    expect(hex("fd00:1::abcd")).toBe("fd00000100000000000000000000abcd");
    expect(hex("1:2:3:4:5:6:7:8")).toBe("00010002000300040005000600070008");
    expect(hex("::ffff:192.0.2.1")).toBe("00000000000000000000ffffc0000201");
    expect(() => encodeIpv6("fe80::1%eth0")).toThrow();
    expect(Buffer.from(encodeSocketAddress("192.0.2.1", 80).bytes).toString("hex")).toBe(
      "02000050c00002010000000000000000",
    );
  });
});
