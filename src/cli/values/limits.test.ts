import { expect, test } from "bun:test";
import {
  parseBytesRate,
  parseDeviceRule,
  parseDeviceWeight,
  parseOperationsRate,
  parseSwappiness,
  parseUlimit,
} from "./limits.ts";

test("rates and weights of devices", () => {
  expect(parseBytesRate("/dev/sda:1mb")).toEqual({ Path: "/dev/sda", Rate: 1_048_576 });
  expect(parseOperationsRate("/dev/sda:1000")).toEqual({ Path: "/dev/sda", Rate: 1000 });
  expect(parseDeviceWeight("/dev/sda:500")).toEqual({ Path: "/dev/sda", Weight: 500 });
  expect(parseDeviceWeight("/dev/sda:0")).toEqual({ Path: "/dev/sda", Weight: 0 });
  expect(() => parseBytesRate("/dev/sda")).toThrow("bad format: /dev/sda");
  expect(() => parseBytesRate("sda:1")).toThrow("bad format for device path: sda:1");
  expect(() => parseBytesRate("/dev/sda:-1")).toThrow("Unit is optional and can be kb, mb, or gb");
  expect(() => parseOperationsRate("/dev/sda:1k")).toThrow("Number must be a positive integer");
  for (const weight of ["9", "1001", "x", ""]) {
    expect(() => parseDeviceWeight(`/dev/sda:${weight}`)).toThrow("invalid weight for device");
  }
});

test("rules for devices, swappiness", () => {
  expect(parseDeviceRule("c *:3 rwm")).toBe("c *:3 rwm");
  for (const bad of ["c 1:3", "d 1:3 r", "c 1 r", "c 1:3 x"]) {
    expect(() => parseDeviceRule(bad)).toThrow(`invalid device cgroup format '${bad}'`);
  }
  expect([parseSwappiness("-1"), parseSwappiness("100")]).toEqual([-1, 100]);
  expect(() => parseSwappiness("101")).toThrow("Valid memory swappiness range is 0-100");
});

test("limits of a process", () => {
  expect(parseUlimit("nofile=1024:2048")).toEqual({ Name: "nofile", Soft: 1024, Hard: 2048 });
  expect(parseUlimit("core=-1")).toEqual({ Name: "core", Soft: -1, Hard: -1 });
  expect(() => parseUlimit("nofile")).toThrow("invalid ulimit argument");
  expect(() => parseUlimit("files=1")).toThrow("invalid ulimit type: files");
  expect(() => parseUlimit("nofile=1:2:3")).toThrow("too many limit value arguments");
  expect(() => parseUlimit("nofile=2:1")).toThrow("2 > 1");
  expect(() => parseUlimit("nofile=-1:1")).toThrow("soft: -1 (unlimited), hard: 1");
});
