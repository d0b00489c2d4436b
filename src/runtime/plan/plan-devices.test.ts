import { describe, expect, test } from "bun:test";
import { formatPlan } from "./format-plan.ts";
import { planDevices } from "./plan-devices.ts";

const text = (...parameters: Parameters<typeof planDevices>): string[] =>
  formatPlan({ steps: planDevices(...parameters) })
    .trimEnd()
    .split("\n");

describe("planDevices", () => {
  test("devices of every type, with rights and owners; one of the specification's wins over a default one", () => {
    const lines = text([
      { path: "/dev/../dev/null", type: "c", major: 1, minor: 3, fileMode: 0o100600, uid: 5, gid: 6 },
      { path: "/dev/loop", type: "b", major: 7, minor: 0 },
      { path: "/dev/u", type: "u", major: 9, minor: 1 },
      { path: "/dev/pipe", type: "p", fileMode: 0o4640 },
    ]);
    expect(lines.slice(0, 1).concat(lines.slice(5, 9))).toEqual([
      'make-device mode=0x21b6 major=1 minor=5 uid=0 gid=0 path="/dev/zero"  # default device',
      'make-device mode=0x2180 major=1 minor=3 uid=5 gid=6 path="/dev/null"  # linux.devices[0]',
      'make-device mode=0x61b6 major=7 minor=0 uid=0 gid=0 path="/dev/loop"  # linux.devices[1]',
      'make-device mode=0x21b6 major=9 minor=1 uid=0 gid=0 path="/dev/u"  # linux.devices[2]',
      'make-device mode=0x19a0 major=0 minor=0 uid=0 gid=0 path="/dev/pipe"  # linux.devices[3]',
    ]);
  });

  test("/dev/ptmx is the container's own, whatever is there or is asked for; /dev/core is there where the kernel has one", () => {
    const lines = text([{ path: "/dev/ptmx", type: "c", major: 5, minor: 2 }], { hasKcore: true });
    expect(lines.filter((line) => line.startsWith("make-device")).length).toBe(6);
    expect(lines.slice(-2)).toEqual([
      'make-link replace=0 path="/dev/core" target="/proc/kcore"  # default link',
      'make-link replace=1 path="/dev/ptmx" target="pts/ptmx"  # default link',
    ]);
  });

  test("refuses what is no device", () => {
    expect(() => planDevices([{ path: "/dev/x", type: "x" as "c" }])).toThrow(
      'linux.devices[0].type: no such type of device: "x"',
    );
    expect(() => planDevices([{ path: "/dev/x", type: "b", major: 1 }])).toThrow(
      "linux.devices[0]: a device needs major and minor",
    );
  });
});
