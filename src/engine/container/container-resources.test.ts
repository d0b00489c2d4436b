import { describe, expect, test } from "bun:test";
import type { ContainerConfig } from "./container-config.ts";
import { planDeviceRules, planResources, planRlimits } from "./container-resources.ts";
import { discardLimits } from "./discard-limits.ts";

const numbersOf = (path: string) => ({ major: 8, minor: path === "/dev/sda" ? 0 : 16 });

describe("Docker's limits as the specification's", () => {
  test("every one of them", () => {
    const resources = planResources(
      {
        ...{ memoryBytes: 100, memoryReservationBytes: 50, memorySwappiness: 0, oomKillDisable: true },
        ...{ cpuRealtimePeriod: 1000, cpuRealtimeRuntime: 10, nanoCpus: 1.5e9, pidsLimit: 5, blkioWeight: 300 },
        blkioWeightDevices: [{ path: "/dev/sda", weight: 400 }],
        readBytesPerSecond: [{ path: "/dev/sda", rate: 1 }],
        writeBytesPerSecond: [{ path: "/dev/sdb", rate: 2 }],
        readsPerSecond: [{ path: "/dev/sda", rate: 3 }],
        writesPerSecond: [{ path: "/dev/sdb", rate: 4 }],
      },
      numbersOf,
    );
    expect(resources).toEqual({
      memory: { limit: 100, swap: 200, reservation: 50, swappiness: 0, disableOOMKiller: true },
      cpu: { period: 100_000, quota: 150_000, realtimePeriod: 1000, realtimeRuntime: 10 },
      pids: { limit: 5 },
      blockIO: {
        weight: 300,
        weightDevice: [{ major: 8, minor: 0, weight: 400 }],
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
        throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 2 }],
        throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 3 }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 4 }],
      },
    });
    expect(planResources({}, numbersOf)).toEqual({});
  });

  test("rules for devices, and limits of each process", () => {
    expect(planDeviceRules(["c 42:* rmw", "a *:* m", "b 7:0 r"])).toEqual([
      { allow: true, type: "c", major: 42, access: "rmw" },
      { allow: true, type: "a", access: "m" },
      { allow: true, type: "b", major: 7, minor: 0, access: "r" },
    ]);
    expect(planRlimits([{ name: "nofile", soft: 1024, hard: -1 }])).toEqual([
      { type: "RLIMIT_NOFILE", soft: 1024, hard: -1 },
    ]);
  });
});

describe("limits that cgroup v2 does not have", () => {
  const config: ContainerConfig = {
    image: "i",
    resources: { memorySwappiness: 10, oomKillDisable: true, pidsLimit: 5 },
  };

  test("are discarded there, with Docker's words", () => {
    const { config: kept, warnings } = discardLimits(config, 2);
    expect(kept.resources).toEqual({ pidsLimit: 5 });
    expect(warnings.map((warning) => /\w+ \w+\.$/.exec(warning)?.[0])).toEqual([
      "swappiness discarded.",
      "OomKillDisable discarded.",
    ]);
  });

  test("are kept with v1, with a warning where no memory limit stops it", () => {
    expect(discardLimits(config, 1)).toMatchObject({ config, warnings: [expect.stringContaining("running out")] });
    const limited = { ...config, resources: { ...config.resources, memoryBytes: 1 << 24 } };
    expect(discardLimits(limited, 1)).toEqual({ config: limited, warnings: [] });
  });
});
