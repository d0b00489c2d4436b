import type { Resources } from "../../oci/runtime-spec.ts";
import type { ResourceConfig } from "./container-config.ts";

/** Docker's period where processors are given as a number. Microseconds. */
const PERIOD = 100_000;

/**
 * Turns Docker's limits into the OCI specification's (moby: daemon/daemon_unix.go, getMemoryResources, getCPUResources).
 * Left out stays left out, so that the kernel's default holds; memory without a word on swap allows as much swap again.
 */
export function planResources(config: ResourceConfig): Omit<Resources, "devices"> {
  const { memoryBytes = 0, memorySwapBytes = 0, memoryReservationBytes = 0, nanoCpus = 0 } = config;
  const swap = memorySwapBytes !== 0 ? memorySwapBytes : memoryBytes * 2;
  const period = nanoCpus > 0 ? PERIOD : config.cpuPeriod;
  const quota = nanoCpus > 0 ? Math.round((nanoCpus * PERIOD) / 1e9) : config.cpuQuota;
  const memory = {
    ...(memoryBytes > 0 ? { limit: memoryBytes } : {}),
    ...(swap !== 0 ? { swap } : {}),
    ...(memoryReservationBytes > 0 ? { reservation: memoryReservationBytes } : {}),
  };
  const cpu = {
    ...(config.cpuShares ? { shares: config.cpuShares } : {}),
    ...(period ? { period } : {}),
    ...(quota ? { quota } : {}),
    ...(config.cpusetCpus ? { cpus: config.cpusetCpus } : {}),
    ...(config.cpusetMems ? { mems: config.cpusetMems } : {}),
  };
  const pidsLimit = config.pidsLimit ?? 0;
  return {
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    ...(pidsLimit > 0 ? { pids: { limit: pidsLimit } } : {}),
  };
}
