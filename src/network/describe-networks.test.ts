import { describe, expect, test } from "bun:test";
import { describeNetworks, findNetwork } from "./describe-networks.ts";
import { hostNames } from "./names.ts";

const BRIDGE = {
  name: "bridge",
  id: "f".repeat(64),
  bridge: "gn012345670",
  subnet: "172.17.0.0/16",
  gateway: "172.17.0.1",
  createdAtMs: 1,
  lastAddress: undefined,
};

describe("listing networks", () => {
  const networks = describeNetworks(
    hostNames("01234567"),
    [BRIDGE, { ...BRIDGE, name: "two", id: `f0${"1".repeat(62)}` }],
    [],
  );

  test("has those that each host has, too", () => {
    expect(networks.map(({ name, driver }) => `${name} ${driver}`)).toEqual([
      "bridge bridge",
      "two bridge",
      "host host",
      "none null",
    ]);
  });

  test("finds by name, id and the beginning of an id that is no other's", () => {
    expect(findNetwork(networks, "two").name).toBe("two");
    expect(findNetwork(networks, "f".repeat(64)).name).toBe("bridge");
    expect(findNetwork(networks, "f0").name).toBe("two");
    expect(() => findNetwork(networks, "f")).toThrow("network f is ambiguous");
    expect(() => findNetwork(networks, "")).toThrow("network  not found");
    expect(() => findNetwork(networks, "x")).toThrow("network x not found");
  });
});
