import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { listLinks } from "../../src/linux/netlink/link.ts";
import { NetlinkSocket } from "../../src/linux/netlink/netlink-socket.ts";
import { NetworkNamespace, withNetworkNamespace } from "../../src/linux/netlink/network-namespace.ts";
import { NetworkLab } from "./network-lab.ts";

const here = (): string => readlinkSync("/proc/thread-self/ns/net");

describe("entering a network namespace", () => {
  let lab: NetworkLab;

  beforeEach(() => {
    lab = NetworkLab.open("0badcafe");
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  test("lasts for the action, which may fail, and refuses one that waits", async () => {
    using namespace = NetworkNamespace.ofProcess(await lab.container());
    const home = here();
    expect(withNetworkNamespace(namespace, here)).not.toBe(home);
    expect(() =>
      withNetworkNamespace(namespace, () => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(() => withNetworkNamespace(namespace, () => Promise.resolve())).toThrow("synchronous");
    expect(here()).toBe(home);
  });

  test("a socket stays where it was opened", async () => {
    using namespace = NetworkNamespace.ofProcess(await lab.container());
    lab.run(0, ["ip", "link", "add", "only-here", "type", "bridge"]);
    using inside = withNetworkNamespace(namespace, () => NetlinkSocket.open("route"));
    expect(listLinks(inside).map((link) => link.name)).toEqual(["lo"]);
  });

  test("of a process that is gone is said clearly", () => {
    expect(() => NetworkNamespace.ofProcess(2 ** 22 - 1)).toThrow(
      "cannot open the network namespace /proc/4194303/ns/net",
    );
  });

  test("lists a thousand interfaces whole, over many datagrams", () => {
    const names = Array.from({ length: 1000 }, (_, index) => `many${index}`);
    lab.run(0, ["ip", "-batch", "-"], names.map((name) => `link add ${name} type bridge\n`).join(""));
    using socket = NetlinkSocket.open("route");
    const listed = listLinks(socket).map((link) => link.name);
    // Before 6.6 they come by hash, not by number.
    expect(listed.filter((name) => name.startsWith("many")).sort()).toEqual(names.sort());
  });
});
