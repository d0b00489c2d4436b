import { describe, expect, test } from "bun:test";
import { decodeMessages } from "../../linux/netlink/message.ts";
import type { Linux } from "../../oci/runtime-spec.ts";
import { type MovableLink, type NetDevicePlanOptions, planNetDevices } from "./plan-net-devices.ts";

const LINK: MovableLink = {
  index: 7,
  addresses: [{ family: 2, prefixLength: 24, attributes: [[1, Uint8Array.of(10, 0, 0, 1)]] }],
};
const netDevices = new Map([["dummy0", LINK]]);
const NETWORK: Linux["namespaces"] = [{ type: "network" }];

function plan(devices: Linux["netDevices"], options: NetDevicePlanOptions = { netDevices }, namespaces = NETWORK) {
  return planNetDevices({ namespaces, netDevices: devices }, options).map((step) => {
    if (step.op !== "netlink") throw new Error(step.op);
    const { outside, namespaceAt, indexAt, namespacePath, name, message } = step;
    return [outside, namespaceAt, indexAt, namespacePath, name, decodeMessages(message)[0]?.type];
  });
}

describe("planNetDevices", () => {
  test("down and over from outside, then its addresses and up from inside, by the new name", () => {
    expect(plan({ dummy0: { name: "eth0" } })).toEqual([
      [1, 0, 0, "", "dummy0", 16],
      [1, 36, 0, "", "dummy0", 16],
      [0, 0, 20, "", "eth0", 20],
      [0, 0, 20, "", "eth0", 16],
    ]);
  });

  test("it keeps its name where none is given, and goes where the container's network is", () => {
    const steps = plan({ dummy0: {} }, { netDevices }, [{ type: "network", path: "/run/n" }]);
    expect(steps[1]).toEqual([1, 36, 0, "/run/n", "dummy0", 16]);
    expect(steps.at(-1)).toEqual([0, 0, 20, "", "dummy0", 16]);
  });

  test("a template leaves the number to the kernel: it is found by its index", () => {
    expect(plan({ dummy0: { name: "net%d" } }).map(([, , indexAt]) => indexAt)).toEqual([0, 0, 0, 0]);
  });

  test("the loopback interface of a new namespace is set up where that is asked for", () => {
    expect(plan({}, { loopback: true })).toEqual([[0, 0, 0, "", "lo", 16]]);
    expect(plan({}, { loopback: true }, [{ type: "network", path: "/n" }])).toEqual([]);
    expect(plan({}, {})).toEqual([]);
  });

  const refused: readonly (readonly [string, Linux["netDevices"], NetDevicePlanOptions?])[] = [
    ['linux.netDevices["gone"]: the host has no such network interface', { gone: {} }],
    ['linux.netDevices["a/b"]: not a name of a network interface', { "a/b": {} }],
    [
      'linux.netDevices["dummy0"].name: not a name of a network interface: "sixteen_letters_"',
      { dummy0: { name: "sixteen_letters_" } },
    ],
    ["without root no interface can be moved", { dummy0: {} }, { netDevices, caller: { uid: 1, gid: 1 } }],
  ];
  for (const [message, devices, options] of refused)
    test(`refuses by name: ${message}`, () => {
      expect(() => plan(devices, options)).toThrow(message);
    });

  test("without a network namespace it would be a change of the host", () => {
    expect(() => plan({ dummy0: {} }, { netDevices }, [])).toThrow("there is no network namespace in linux.namespaces");
  });
});
