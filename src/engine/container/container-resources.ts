import type { DeviceCgroupRule, Resources, Rlimit } from "../../oci/runtime-spec.ts";
import type { DeviceRate, ResourceConfig, UlimitConfig } from "./container-config.ts";

/** Docker's period where processors are given as a number. Microseconds. */
const PERIOD = 100_000;

/** Docker's names of limits of a process (docker/go-units: ulimit.go), and the specification's. */
export const RLIMITS: Readonly<Record<string, Rlimit["type"]>> = {
  core: "RLIMIT_CORE",
  cpu: "RLIMIT_CPU",
  data: "RLIMIT_DATA",
  fsize: "RLIMIT_FSIZE",
  locks: "RLIMIT_LOCKS",
  memlock: "RLIMIT_MEMLOCK",
  msgqueue: "RLIMIT_MSGQUEUE",
  nice: "RLIMIT_NICE",
  nofile: "RLIMIT_NOFILE",
  nproc: "RLIMIT_NPROC",
  rss: "RLIMIT_RSS",
  rtprio: "RLIMIT_RTPRIO",
  rttime: "RLIMIT_RTTIME",
  sigpending: "RLIMIT_SIGPENDING",
  stack: "RLIMIT_STACK",
};

/** Numbers of the block device at a path of the host. */
export type DeviceNumbers = (path: string) => { readonly major: number; readonly minor: number };

/**
 * Turns Docker's limits into the OCI specification's (moby: daemon/daemon_unix.go, getMemoryResources, getCPUResources).
 * Left out stays left out, so that the kernel's default holds; memory without a word on swap allows as much swap again.
 */
export function planResources(config: ResourceConfig, numbersOf: DeviceNumbers): Omit<Resources, "devices"> {
  const memory = planMemory(config);
  const cpu = planCpu(config);
  const blockIO = planBlockIo(config, numbersOf);
  const pidsLimit = config.pidsLimit ?? 0;
  return {
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    ...(pidsLimit > 0 ? { pids: { limit: pidsLimit } } : {}),
    ...(Object.keys(blockIO).length > 0 ? { blockIO } : {}),
  };
}

function planMemory(config: ResourceConfig): NonNullable<Resources["memory"]> {
  const { memoryBytes = 0, memorySwapBytes = 0, memoryReservationBytes = 0, memorySwappiness } = config;
  const swap = memorySwapBytes !== 0 ? memorySwapBytes : memoryBytes * 2;
  return {
    ...(memoryBytes > 0 ? { limit: memoryBytes } : {}),
    ...(swap !== 0 ? { swap } : {}),
    ...(memoryReservationBytes > 0 ? { reservation: memoryReservationBytes } : {}),
    ...(memorySwappiness === undefined ? {} : { swappiness: memorySwappiness }),
    ...(config.oomKillDisable === true ? { disableOOMKiller: true } : {}),
  };
}

function planCpu(config: ResourceConfig): NonNullable<Resources["cpu"]> {
  const { nanoCpus = 0 } = config;
  const period = nanoCpus > 0 ? PERIOD : config.cpuPeriod;
  const quota = nanoCpus > 0 ? Math.round((nanoCpus * PERIOD) / 1e9) : config.cpuQuota;
  return {
    ...(config.cpuShares ? { shares: config.cpuShares } : {}),
    ...(period ? { period } : {}),
    ...(quota ? { quota } : {}),
    ...(config.cpuRealtimePeriod ? { realtimePeriod: config.cpuRealtimePeriod } : {}),
    ...(config.cpuRealtimeRuntime ? { realtimeRuntime: config.cpuRealtimeRuntime } : {}),
    ...(config.cpusetCpus ? { cpus: config.cpusetCpus } : {}),
    ...(config.cpusetMems ? { mems: config.cpusetMems } : {}),
  };
}

function planBlockIo(config: ResourceConfig, numbersOf: DeviceNumbers): NonNullable<Resources["blockIO"]> {
  const rates = (given: readonly DeviceRate[] | undefined) =>
    given?.map(({ path, rate }) => ({ ...numbersOf(path), rate }));
  const weights = config.blkioWeightDevices?.map(({ path, weight }) => ({ ...numbersOf(path), weight }));
  const all: { readonly [Field in keyof NonNullable<Resources["blockIO"]>]: unknown } = {
    weight: config.blkioWeight || undefined,
    weightDevice: weights,
    throttleReadBpsDevice: rates(config.readBytesPerSecond),
    throttleWriteBpsDevice: rates(config.writeBytesPerSecond),
    throttleReadIOPSDevice: rates(config.readsPerSecond),
    throttleWriteIOPSDevice: rates(config.writesPerSecond),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** `c 42:* rwm` as a rule that allows; what is of another form was refused when the container was created. */
export function planDeviceRules(rules: readonly string[]): readonly DeviceCgroupRule[] {
  return rules.flatMap((rule) => {
    const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule);
    if (match === null) return [];
    const [, type, major = "*", minor = "*", access = ""] = match;
    return [
      {
        allow: true,
        type: type as "a" | "b" | "c",
        ...(major === "*" ? {} : { major: Number(major) }),
        ...(minor === "*" ? {} : { minor: Number(minor) }),
        access,
      },
    ];
  });
}

/** Limits of each process; -1 is "no limit" here and there. */
export function planRlimits(limits: readonly UlimitConfig[]): readonly Rlimit[] {
  return limits.flatMap(({ name, soft, hard }) => {
    const type = RLIMITS[name];
    return type === undefined ? [] : [{ type, soft, hard }];
  });
}
