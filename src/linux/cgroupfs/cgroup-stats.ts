import { join } from "node:path";
import { parseFlatKeyed, readCount, readIfThere, readLimit } from "./cgroup-files.ts";

/** What one device has transferred. */
export interface BlockIoStats {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readOperations: number;
  readonly writeOperations: number;
}

/** What a container uses and has used. What the kernel does not count is 0; a limit that is not set is absent. */
export interface CgroupStats {
  readonly cpu: {
    readonly totalNs: number;
    readonly userNs: number;
    readonly systemNs: number;
    readonly perCpuNs: readonly number[];
    /** Periods of the quota that passed, those in which it was used up, and for how long the container then waited. */
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNs: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    readonly limitBytes?: number;
    /** The highest usage there was. */
    readonly maxUsageBytes: number;
    /** How often the limit was hit. */
    readonly failures: number;
    /** The part of `usageBytes` that the kernel can drop first: what `docker stats` leaves out. */
    readonly inactiveFileBytes: number;
    readonly swapBytes: number;
    /** `memory.stat` as the kernel has it; the names differ between v1 and v2. */
    readonly details: Readonly<Record<string, number>>;
  };
  readonly pids: { readonly current: number; readonly limit?: number };
  readonly blockIo: readonly BlockIoStats[];
}

/** Where the groups of one container are: a folder for each v1 controller, and the v2 one. */
export interface CgroupFolders {
  folderOf(controller: string): string | undefined;
}

type Device = { -readonly [Key in keyof BlockIoStats]: BlockIoStats[Key] };

function deviceOf(devices: Map<string, Device>, name: string): Device | undefined {
  const match = /^(\d+):(\d+)$/.exec(name);
  if (match === null) return undefined;
  const known = devices.get(name);
  if (known !== undefined) return known;
  const device = {
    major: Number(match[1]),
    minor: Number(match[2]),
    readBytes: 0,
    writeBytes: 0,
    readOperations: 0,
    writeOperations: 0,
  };
  devices.set(name, device);
  return device;
}

/** v2's `io.stat`: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …` for each device. */
export function parseIoStat(text: string): readonly BlockIoStats[] {
  const devices = new Map<string, Device>();
  for (const line of text.split("\n")) {
    const [name = "", ...fields] = line.split(" ");
    const device = deviceOf(devices, name);
    if (device === undefined) continue;
    for (const field of fields) {
      const [key, value] = field.split("=", 2);
      if (value === undefined || !/^\d+$/.test(value)) continue;
      if (key === "rbytes") device.readBytes = Number(value);
      else if (key === "wbytes") device.writeBytes = Number(value);
      else if (key === "rios") device.readOperations = Number(value);
      else if (key === "wios") device.writeOperations = Number(value);
    }
  }
  return [...devices.values()];
}

/** v1's pair of `blkio.throttle.io_service_bytes` and `blkio.throttle.io_serviced`: `8:0 Read 1` for each direction. */
export function parseBlkioStat(bytes: string, operations: string): readonly BlockIoStats[] {
  const devices = new Map<string, Device>();
  const read = (
    text: string,
    readKey: "readBytes" | "readOperations",
    writeKey: "writeBytes" | "writeOperations",
  ): void => {
    for (const line of text.split("\n")) {
      const [name = "", direction, value] = line.split(" ");
      const device = deviceOf(devices, name);
      if (device === undefined || value === undefined || !/^\d+$/.test(value)) continue;
      if (direction === "Read") device[readKey] = Number(value);
      else if (direction === "Write") device[writeKey] = Number(value);
    }
  };
  read(bytes, "readBytes", "writeBytes");
  read(operations, "readOperations", "writeOperations");
  return [...devices.values()];
}

function withLimit<Key extends string>(key: Key, limit: number | undefined): { readonly [K in Key]?: number } {
  return limit === undefined ? {} : ({ [key]: limit } as { readonly [K in Key]?: number });
}

function keyed(folder: string | undefined, file: string): ReadonlyMap<string, number> {
  return parseFlatKeyed((folder === undefined ? undefined : readIfThere(join(folder, file))) ?? "");
}

function count(folder: string | undefined, file: string): number {
  return folder === undefined ? 0 : readCount(join(folder, file));
}

function limitOf(folder: string | undefined, file: string): number | undefined {
  return folder === undefined ? undefined : readLimit(join(folder, file));
}

/** A v1 machine's numbers. */
export function readStatsVersion1(folders: CgroupFolders): CgroupStats {
  const accounting = folders.folderOf("cpuacct");
  const memory = folders.folderOf("memory");
  const pids = folders.folderOf("pids");
  const blkio = folders.folderOf("blkio");
  const throttling = keyed(folders.folderOf("cpu"), "cpu.stat");
  const details = keyed(memory, "memory.stat");
  const perCpu = accounting === undefined ? undefined : readIfThere(join(accounting, "cpuacct.usage_percpu"));
  const usageBytes = count(memory, "memory.usage_in_bytes");
  const withSwap = count(memory, "memory.memsw.usage_in_bytes");
  const read = (file: string): string => (blkio === undefined ? undefined : readIfThere(join(blkio, file))) ?? "";
  return {
    cpu: {
      totalNs: count(accounting, "cpuacct.usage"),
      userNs: count(accounting, "cpuacct.usage_user"),
      systemNs: count(accounting, "cpuacct.usage_sys"),
      perCpuNs: (perCpu ?? "")
        .split(/\s+/)
        .filter((text) => /^\d+$/.test(text))
        .map(Number),
      periods: throttling.get("nr_periods") ?? 0,
      throttledPeriods: throttling.get("nr_throttled") ?? 0,
      throttledNs: throttling.get("throttled_time") ?? 0,
    },
    memory: {
      usageBytes,
      ...withLimit("limitBytes", limitOf(memory, "memory.limit_in_bytes")),
      maxUsageBytes: count(memory, "memory.max_usage_in_bytes"),
      failures: count(memory, "memory.failcnt"),
      inactiveFileBytes: details.get("total_inactive_file") ?? 0,
      swapBytes: details.get("total_swap") ?? Math.max(0, withSwap - usageBytes),
      details: Object.fromEntries(details),
    },
    pids: { current: count(pids, "pids.current"), ...withLimit("limit", limitOf(pids, "pids.max")) },
    // `_recursive` counts nested groups too; kernels before 3.12 do not have it.
    blockIo: parseBlkioStat(
      read("blkio.throttle.io_service_bytes_recursive") || read("blkio.throttle.io_service_bytes"),
      read("blkio.throttle.io_serviced_recursive") || read("blkio.throttle.io_serviced"),
    ),
  };
}

/** A v2 machine's numbers, all in one folder. */
export function readStatsVersion2(folder: string): CgroupStats {
  const cpu = keyed(folder, "cpu.stat");
  const details = keyed(folder, "memory.stat");
  const nanoseconds = (key: string): number => (cpu.get(key) ?? 0) * 1000;
  const usageBytes = count(folder, "memory.current");
  return {
    cpu: {
      totalNs: nanoseconds("usage_usec"),
      userNs: nanoseconds("user_usec"),
      systemNs: nanoseconds("system_usec"),
      perCpuNs: [],
      periods: cpu.get("nr_periods") ?? 0,
      throttledPeriods: cpu.get("nr_throttled") ?? 0,
      throttledNs: nanoseconds("throttled_usec"),
    },
    memory: {
      usageBytes,
      ...withLimit("limitBytes", limitOf(folder, "memory.max")),
      // `memory.peak` came in 5.19.
      maxUsageBytes: limitOf(folder, "memory.peak") ?? usageBytes,
      failures: keyed(folder, "memory.events").get("max") ?? 0,
      inactiveFileBytes: details.get("inactive_file") ?? 0,
      swapBytes: count(folder, "memory.swap.current"),
      details: Object.fromEntries(details),
    },
    pids: { current: count(folder, "pids.current"), ...withLimit("limit", limitOf(folder, "pids.max")) },
    blockIo: parseIoStat(readIfThere(join(folder, "io.stat")) ?? ""),
  };
}
