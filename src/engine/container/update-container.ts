import { GantryError } from "../../errors/gantry-error.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import type { EngineContext } from "../engine-context.ts";
import type { ContainerConfig, ResourceConfig } from "./container-config.ts";
import { planResources } from "./container-resources.ts";
import { discardLimits } from "./discard-limits.ts";
import { blockDeviceNumbers } from "./host-devices.ts";
import { validateResources } from "./validate-container-config.ts";

/** What Docker lets be changed (moby: container/container_unix.go, UpdateContainer). */
const CHANGEABLE: ReadonlySet<string> = new Set<keyof ResourceConfig>([
  ...(["blkioWeight", "cpuShares", "nanoCpus", "cpuPeriod", "cpuQuota", "cpuRealtimePeriod"] as const),
  ...(["cpuRealtimeRuntime", "cpusetCpus", "cpusetMems", "memoryBytes", "memorySwapBytes"] as const),
  ...(["memoryReservationBytes", "pidsLimit"] as const),
]);

function* problemsOf(change: ResourceConfig, before: ResourceConfig): Generator<string> {
  for (const name of Object.keys(change)) if (!CHANGEABLE.has(name)) yield `${name} cannot be changed`;
  const taken = (what: string, other: string): string =>
    `Conflicting options: ${what} cannot be updated as ${other} has already been set`;
  if (change.nanoCpus && before.cpuPeriod) yield taken("Nano CPUs", "CPU Period");
  if (change.nanoCpus && before.cpuQuota) yield taken("Nano CPUs", "CPU Quota");
  if (change.cpuPeriod && before.nanoCpus) yield taken("CPU Period", "NanoCPUs");
  if (change.cpuQuota && before.nanoCpus) yield taken("CPU Quota", "NanoCPUs");
  const swap = before.memorySwapBytes ?? 0;
  if (
    change.memoryBytes !== undefined &&
    change.memorySwapBytes === undefined &&
    swap > 0 &&
    change.memoryBytes > swap
  ) {
    yield "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time";
  }
}

/** A limit of processes that is taken away has to be said; in a container's creation it is left out. */
function planned(resources: ResourceConfig): Resources {
  const plan = planResources(resources, blockDeviceNumbers);
  return (resources.pidsLimit ?? 0) < 0 ? { ...plan, pids: { limit: -1 } } : plan;
}

/**
 * Changes a container's limits, at once if it runs. When the kernel refuses, the old ones hold.
 *
 * @throws `invalid-argument` for what cannot be changed, or not to this value.
 */
export async function updateContainer(
  context: EngineContext,
  name: string,
  change: ResourceConfig,
): Promise<{ readonly warnings: readonly string[] }> {
  const { id } = context.records.resolve(name);
  return await context.locks.run(id, async () => {
    const record = context.records.require(id);
    const before = record.config.resources ?? {};
    const wanted: ResourceConfig = { ...before, ...change };
    const problems = [...problemsOf(change, before), ...validateResources(wanted, context.parts.host)];
    if (problems.length > 0) {
      throw new GantryError("invalid-argument", `Cannot update container ${record.name}: ${problems.join("; ")}`);
    }
    const asked: ContainerConfig = { ...record.config, resources: wanted };
    const { config, warnings } = discardLimits(asked, context.parts.cgroups.version);
    if (record.state.status === "running" || record.state.status === "paused") {
      await context.cgroup(id).update(planned(config.resources ?? {}), {
        previous: planned(before),
        isSwapDefault: !wanted.memorySwapBytes,
      });
    }
    const updated = { ...record, config };
    context.records.update(updated, [context.event(updated, "update")], { isDurable: true });
    return { warnings };
  });
}
