import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { CgroupWrite } from "../cgroupfs/cgroup-write.ts";
import { bitsOfList } from "./list-bits.ts";
import { parseGvariant } from "./parse-gvariant.ts";
import { slicePath } from "./slice-path.ts";
import { versionOf } from "./systemd-manager.ts";
import { parseUnitAddress } from "./unit-address.ts";
import { parseUnitAnnotations } from "./unit-annotations.ts";
import { planUnit } from "./unit-properties.ts";

const NONE = 2n ** 64n - 1n;

function write(file: string, value: string, controller = "unified"): CgroupWrite {
  return { controller, file, value, cause: "test" };
}

/** Properties as a reader would type them. */
function properties(writes: readonly CgroupWrite[], version = 252): unknown[] {
  return planUnit(writes, version).properties.map(([name, { value }]) => [name, value]);
}

describe("a slice's name is its path", () => {
  test("each dash is a level", () => {
    expect(slicePath("test-a-b.slice")).toBe("/test.slice/test-a.slice/test-a-b.slice");
    expect(slicePath("system.slice")).toBe("/system.slice");
    expect(slicePath("-.slice")).toBe("/");
  });

  test("what is no slice's name is refused", () => {
    for (const bad of [
      "",
      ".slice",
      "a",
      "a.scope",
      "test--a.slice",
      "-test.slice",
      "test-.slice",
      "a/b.slice",
      "...slice/",
    ]) {
      expect(() => slicePath(bad)).toThrow("not the name of a slice");
    }
  });
});

describe("cgroupsPath for systemd", () => {
  const options = { id: "c1", isUser: false };

  test("is slice, prefix and name; absent it is runc's", () => {
    expect(parseUnitAddress("machine-pod.slice:cri:c1", options)).toEqual({
      unit: "cri-c1.scope",
      slice: "machine-pod.slice",
      path: "/machine.slice/machine-pod.slice/cri-c1.scope",
    });
    expect(parseUnitAddress(undefined, options).path).toBe("/system.slice/runc-c1.scope");
    expect(parseUnitAddress(":docker:c1", { ...options, isUser: true })).toMatchObject({ slice: "user.slice" });
    expect(parseUnitAddress("-.slice::c1", options).path).toBe("/-c1.scope");
    expect(parseUnitAddress("kube.slice::kube-pod.slice", options)).toMatchObject({
      unit: "kube-pod.slice",
      path: "/kube.slice/kube-pod.slice",
    });
  });

  test("refuses other forms and names that systemd does not take", () => {
    expect(() => parseUnitAddress("/a/b", options)).toThrow("must be slice:prefix:name");
    expect(() => parseUnitAddress("a:b:c:d", options)).toThrow("must be slice:prefix:name");
    expect(() => parseUnitAddress("system.slice:a:b/../c", options)).toThrow("not a unit's name");
    expect(() => parseUnitAddress("system.slice:a:", options)).toThrow("not a unit's name");
    expect(() => parseUnitAddress("nice:a:b", options)).toThrow("not the name of a slice");
  });
});

describe("planUnit", () => {
  test("v2's files are properties where systemd has them, and written all the same", () => {
    const writes = [
      write("memory.max", "1048576"),
      write("memory.swap.max", "0"),
      write("memory.low", "max"),
      write("cpu.weight", "200"),
      write("pids.max", "max"),
      write("cpuset.cpus", "0-2,9"),
      write("io.max", "8:0 rbps=1"),
    ];
    expect(properties(writes)).toEqual([
      ["MemoryMax", 1_048_576n],
      ["MemorySwapMax", 0n],
      ["MemoryLow", NONE],
      ["CPUWeight", 200n],
      ["TasksMax", NONE],
      ["AllowedCPUs", new Uint8Array([0b111, 0b10])],
    ]);
    expect(planUnit(writes, 252).writes).toBe(writes);
    expect(properties([write("cpuset.cpus", "0")], 243)).toEqual([]);
    expect(properties([write("pids.max", "0")])).toEqual([["TasksMax", 1n]]);
  });

  test("v1's files too", () => {
    expect(
      properties([
        write("memory.limit_in_bytes", "-1", "memory"),
        write("cpu.shares", "512", "cpu"),
        write("blkio.bfq.weight", "50", "blkio"),
        write("cpu.cfs_period_us", "50000", "cpu"),
        write("cpu.cfs_quota_us", "25000", "cpu"),
      ]),
    ).toEqual([
      ["MemoryLimit", NONE],
      ["CPUShares", 512n],
      ["BlockIOWeight", 50n],
      ["CPUQuotaPeriodUSec", 50_000n],
      ["CPUQuotaPerSecUSec", 500_000n],
    ]);
  });

  test("a quota is rounded up to what systemd can say, and the file gets the same", () => {
    const plan = planUnit([write("cpu.max", "12345 100000")], 252);
    expect(plan.properties.at(-1)).toEqual(["CPUQuotaPerSecUSec", { signature: "t", value: 130_000n }]);
    expect(plan.writes).toEqual([write("cpu.max", "13000 100000")]);
    expect(properties([write("cpu.max", "max 100000")], 241)).toEqual([["CPUQuotaPerSecUSec", NONE]]);
  });

  test("idle is weight zero, from 252 on", () => {
    expect(properties([write("cpu.idle", "1")])).toEqual([["CPUWeight", 0n]]);
    expect(properties([write("cpu.idle", "1")], 251)).toEqual([]);
  });

  test("devices: a list of what is allowed, after an empty one that forgets the old", () => {
    const program: CgroupWrite = {
      controller: "unified",
      cause: "test",
      devices: {
        defaultAllow: false,
        exceptions: [
          { type: "c", major: 1, minor: 3, access: "rwm" },
          { type: "c", major: 136, access: "rw" },
          { type: "b", access: "m" },
          { type: "b", minor: 5, access: "m" },
        ],
      },
    };
    const allowed = [
      ["/dev/char/1:3", "rwm"],
      ["char-136", "rw"],
      ["block-*", "m"],
    ];
    expect(properties([program])).toEqual([
      ["DeviceAllow", []],
      ["DevicePolicy", "strict"],
      ["DeviceAllow", allowed],
    ]);
    const lines = [
      write("devices.deny", "a", "devices"),
      write("devices.allow", "c 1:3 rwm", "devices"),
      write("devices.allow", "c 136:* rw", "devices"),
      write("devices.allow", "b *:* m", "devices"),
    ];
    expect(properties(lines)).toEqual(properties([program]));
    expect(properties([write("devices.allow", "a", "devices")])).toEqual([
      ["DeviceAllow", []],
      ["DevicePolicy", "auto"],
    ]);
  });
});

test("a list of processors is a bit mask", () => {
  expect(bitsOfList("0,2-3, 8")).toEqual(new Uint8Array([0b1101, 1]));
  for (const bad of ["", "a", "3-1", "1,", "99999"]) expect(bitsOfList(bad)).toBeUndefined();
});

test("versions as distributions write them", () => {
  expect(["v245.4-1.fc32", "252 (252.38-1~deb12u1)", "256", undefined].map(versionOf)).toEqual([245, 252, 256, 0]);
});

describe("properties from annotations", () => {
  const parse = (name: string, text: string): unknown =>
    parseUnitAnnotations({ [`org.systemd.property.${name}`]: text });

  test("are values in GVariant's text form", () => {
    expect(parse("KillSignal", "9")).toEqual([["KillSignal", { signature: "i", value: 9 }]]);
    expect(parse("CollectMode", "'inactive-or-failed'")).toEqual([
      ["CollectMode", { signature: "s", value: "inactive-or-failed" }],
    ]);
    expect(parse("TimeoutStopUSec", "uint64 123")).toEqual([["TimeoutStopUSec", { signature: "t", value: 123n }]]);
    expect(parse("After", "['a.service', \"b\\tc\"]")).toEqual([
      ["After", { signature: "as", value: ["a.service", "b\tc"] }],
    ]);
    expect(parse("Wants", "@as []")).toEqual([["Wants", { signature: "as", value: [] }]]);
    expect(parse("DeviceAllow", "[('/dev/null', 'rw')]")).toEqual([
      ["DeviceAllow", { signature: "a(ss)", value: [["/dev/null", "rw"]] }],
    ]);
    expect(parse("Pids", "[uint32 1, 2]")).toEqual([["Pids", { signature: "au", value: [1, 2] }]]);
    expect(parseUnitAnnotations({ "org.example.other": "x" })).toEqual([]);
  });

  test("seconds become microseconds", () => {
    expect(parse("TimeoutStopSec", "10")).toEqual([["TimeoutStopUSec", { signature: "t", value: 10_000_000n }]]);
    expect(parse("TimeoutStopSec", "1.5")).toEqual([["TimeoutStopUSec", { signature: "t", value: 1_500_000n }]]);
    expect(() => parse("TimeoutStopSec", "'ten'")).toThrow("must be a number of seconds");
  });

  test("refuse other names and texts", () => {
    expect(() => parse("Kill_Signal", "9")).toThrow("letters alone");
    for (const bad of [
      "",
      "word",
      "'open",
      "[1",
      "(1,",
      "[]",
      "uint32 -1",
      "byte 256",
      "1 2",
      "@s 1",
      "['a', 1]",
      "[".repeat(99),
    ]) {
      expect(() => parse("Name", bad)).toThrow("is not a value");
    }
  });

  test("any text is parsed or refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."[](),'\"\\@ abstu1-.0x") }), (text) => {
        try {
          expect(parseGvariant(text).signature).not.toBe("");
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid-argument" });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
