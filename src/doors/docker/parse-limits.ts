import type { HostConfig, ThrottleDevice } from "../../api/host-config.ts";
import type { DeviceRate, ResourceConfig } from "../../engine/container/container-config.ts";
import { GantryError } from "../../errors/gantry-error.ts";

function malformed(field: string, index: number, what: string): GantryError {
  return new GantryError("invalid-argument", `HostConfig.${field}[${index}] is not ${what}`);
}

function isNatural(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function parseRates(host: HostConfig, field: RateField): readonly DeviceRate[] | undefined {
  const rates = host[field] ?? [];
  if (rates.length === 0) return undefined;
  return rates.map((entry, index) => {
    const { Path: path, Rate: rate } = entry as Partial<ThrottleDevice>;
    if (typeof path !== "string" || !isNatural(rate)) throw malformed(field, index, "an object of Path and Rate");
    return { path, rate };
  });
}

type RateField = "BlkioDeviceReadBps" | "BlkioDeviceWriteBps" | "BlkioDeviceReadIOps" | "BlkioDeviceWriteIOps";

function parseWeights(host: HostConfig): ResourceConfig["blkioWeightDevices"] {
  const weights = host.BlkioWeightDevice ?? [];
  if (weights.length === 0) return undefined;
  return weights.map((entry, index) => {
    const { Path: path, Weight: weight } = entry as Partial<typeof entry>;
    if (typeof path !== "string" || !isNatural(weight)) {
      throw malformed("BlkioWeightDevice", index, "an object of Path and Weight");
    }
    return { path, weight };
  });
}

function parseUlimits(host: HostConfig): ResourceConfig["ulimits"] {
  const limits = host.Ulimits ?? [];
  if (limits.length === 0) return undefined;
  return limits.map((entry, index) => {
    const { Name: name, Soft: soft = 0, Hard: hard = 0 } = entry as Partial<typeof entry>;
    if (typeof name !== "string" || !Number.isSafeInteger(soft) || !Number.isSafeInteger(hard)) {
      throw malformed("Ulimits", index, "an object of Name, Soft and Hard");
    }
    return { name, soft, hard };
  });
}

/** Reads the limits of `HostConfig`. @throws `invalid-argument` naming the entry of a list that is malformed. */
export function parseLimits(host: HostConfig): ResourceConfig {
  const swappiness = host.MemorySwappiness ?? undefined;
  const all: { readonly [Field in keyof ResourceConfig]: ResourceConfig[Field] | undefined } = {
    memoryBytes: host.Memory || undefined,
    memorySwapBytes: host.MemorySwap || undefined,
    memoryReservationBytes: host.MemoryReservation || undefined,
    memorySwappiness: swappiness === -1 ? undefined : swappiness,
    oomKillDisable: host.OomKillDisable || undefined,
    nanoCpus: host.NanoCpus || undefined,
    cpuShares: host.CpuShares || undefined,
    cpuPeriod: host.CpuPeriod || undefined,
    cpuQuota: host.CpuQuota || undefined,
    cpuRealtimePeriod: host.CpuRealtimePeriod || undefined,
    cpuRealtimeRuntime: host.CpuRealtimeRuntime || undefined,
    cpusetCpus: host.CpusetCpus || undefined,
    cpusetMems: host.CpusetMems || undefined,
    pidsLimit: host.PidsLimit || undefined,
    blkioWeight: host.BlkioWeight || undefined,
    blkioWeightDevices: parseWeights(host),
    readBytesPerSecond: parseRates(host, "BlkioDeviceReadBps"),
    writeBytesPerSecond: parseRates(host, "BlkioDeviceWriteBps"),
    readsPerSecond: parseRates(host, "BlkioDeviceReadIOps"),
    writesPerSecond: parseRates(host, "BlkioDeviceWriteIOps"),
    deviceRules: host.DeviceCgroupRules?.length ? host.DeviceCgroupRules : undefined,
    cgroupParent: host.CgroupParent || undefined,
    ulimits: parseUlimits(host),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as ResourceConfig;
}
