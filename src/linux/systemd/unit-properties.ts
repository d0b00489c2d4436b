import type { CgroupFileWrite, CgroupWrite } from "../cgroupfs/cgroup-write.ts";
import type { Variant } from "../dbus/dbus-value.ts";
import { deviceProperties } from "./device-properties.ts";
import { bitsOfList } from "./list-bits.ts";
import type { UnitProperty } from "./unit-property.ts";

/** systemd's "no limit". */
const INFINITY = 2n ** 64n - 1n;
const DEFAULT_PERIOD_US = 100_000n;
/** systemd knows whole hundredths of a processor: 10 ms in each second. */
const GRAIN_US = 10_000n;

/** Files whose value is a number, or `max` or -1 for none. */
const NUMBERS: Readonly<Record<string, string>> = {
  "memory.max": "MemoryMax",
  "memory.high": "MemoryHigh",
  "memory.low": "MemoryLow",
  "memory.min": "MemoryMin",
  "memory.swap.max": "MemorySwapMax",
  "memory.limit_in_bytes": "MemoryLimit",
  "pids.max": "TasksMax",
  "cpu.weight": "CPUWeight",
  "cpu.shares": "CPUShares",
  "blkio.weight": "BlockIOWeight",
  "blkio.bfq.weight": "BlockIOWeight",
};

function numberOf(value: string): bigint | undefined {
  if (value === "max" || value === "-1") return INFINITY;
  return /^\d+$/.test(value) ? BigInt(value) : undefined;
}

/** The property for one file, if systemd of this version has one. */
function propertyOf(file: string, text: string, version: number): UnitProperty | undefined {
  const value = text.trim();
  const numbered = NUMBERS[file];
  if (numbered !== undefined) {
    const number = numberOf(value);
    if (number === undefined) return undefined;
    // A unit without any process is none for systemd.
    const atLeast = file === "pids.max" && number === 0n ? 1n : number;
    return [numbered, { signature: "t", value: atLeast }];
  }
  if ((file === "cpuset.cpus" || file === "cpuset.mems") && version >= 244) {
    const bits = bitsOfList(value);
    if (bits === undefined) return undefined;
    return [file === "cpuset.cpus" ? "AllowedCPUs" : "AllowedMemoryNodes", { signature: "ay", value: bits }];
  }
  if (file === "cpu.idle" && value === "1" && version >= 252) return ["CPUWeight", { signature: "t", value: 0n }];
  return undefined;
}

interface Quota {
  /** Absent: no limit. */
  readonly quotaUs?: bigint;
  readonly periodUs?: bigint;
}

function quotaOf(writes: readonly CgroupFileWrite[]): Quota | undefined {
  const last = (file: string): string | undefined => writes.findLast((write) => write.file === file)?.value.trim();
  const whole = last("cpu.max")?.split(/\s+/);
  const [quota, period] = whole ?? [last("cpu.cfs_quota_us"), last("cpu.cfs_period_us")];
  if (quota === undefined && period === undefined) return undefined;
  return {
    ...(quota !== undefined && /^[1-9]\d*$/.test(quota) && { quotaUs: BigInt(quota) }),
    ...(period !== undefined && /^[1-9]\d*$/.test(period) && { periodUs: BigInt(period) }),
  };
}

function quotaProperties(quota: Quota, version: number): { properties: UnitProperty[]; quotaUs?: bigint } {
  const properties: UnitProperty[] = [];
  const periodUs = quota.periodUs ?? DEFAULT_PERIOD_US;
  if (quota.periodUs !== undefined && version >= 242) {
    properties.push(["CPUQuotaPeriodUSec", { signature: "t", value: periodUs }]);
  }
  if (quota.quotaUs === undefined) {
    properties.push(["CPUQuotaPerSecUSec", { signature: "t", value: INFINITY }]);
    return { properties };
  }
  const exact = (quota.quotaUs * 1_000_000n) / periodUs;
  const perSecond = ((exact + GRAIN_US - 1n) / GRAIN_US) * GRAIN_US;
  properties.push(["CPUQuotaPerSecUSec", { signature: "t", value: perSecond }]);
  return { properties, ...(perSecond !== exact && { quotaUs: (perSecond * periodUs) / 1_000_000n }) };
}

/** systemd writes its own idea of a quota whenever it looks at the unit again: the files get the same. */
function withQuota(write: CgroupFileWrite, quotaUs: bigint): CgroupFileWrite {
  if (write.file === "cpu.cfs_quota_us") return { ...write, value: String(quotaUs) };
  if (write.file === "cpu.max") return { ...write, value: write.value.replace(/^\d+/, String(quotaUs)) };
  return write;
}

export interface UnitPlan {
  /** What systemd has to be told so that it does not undo the writes. */
  readonly properties: readonly UnitProperty[];
  /** What is to be written into the unit's files afterwards: all, since systemd does not know every file. */
  readonly writes: readonly CgroupWrite[];
}

/**
 * Says which properties of a unit stand for limits (org.freedesktop.systemd1(5), systemd.resource-control(5)); pure.
 * A file that systemd of this version has no property for is written only.
 */
export function planUnit(writes: readonly CgroupWrite[], version: number): UnitPlan {
  const files = writes.filter((write): write is CgroupFileWrite => "file" in write);
  const properties = new Map<string, Variant>();
  for (const { file, value } of files) {
    const property = propertyOf(file, value, version);
    if (property !== undefined) properties.set(...property);
  }
  const quota = quotaOf(files);
  const planned = quota === undefined ? undefined : quotaProperties(quota, version);
  for (const property of planned?.properties ?? []) properties.set(...property);
  const quotaUs = planned?.quotaUs;
  return {
    properties: [...deviceProperties(writes, version), ...properties],
    writes: quotaUs === undefined ? writes : writes.map((one) => ("file" in one ? withQuota(one, quotaUs) : one)),
  };
}
