import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupFileWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { requireController, requireInteger } from "./require-controller.ts";

type Memory = NonNullable<Resources["memory"]>;

const CAUSE = "linux.resources.memory";

/**
 * The specification's `swap` is memory and swap together, -1 for no limit. Zero or absent is "not said", except that
 * unlimited memory without a word on swap means both, as in runc.
 */
function swapOf(memory: Memory): number | undefined {
  const swap = memory.swap === 0 ? undefined : memory.swap;
  const limit = memory.limit === 0 ? undefined : memory.limit;
  if (swap === undefined) return limit === -1 ? -1 : undefined;
  if (swap !== -1 && limit !== undefined && limit !== -1 && swap < limit) {
    throw new GantryError("invalid-argument", `${CAUSE}.swap (${swap}) is less than ${CAUSE}.limit (${limit})`, {
      hint: "it counts memory and swap together",
    });
  }
  return swap;
}

function planVersion1(memory: Memory): CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  const add = (field: keyof Memory, file: string, value: number, optional = false): void => {
    writes.push({
      controller: "memory",
      file,
      value: String(value),
      cause: `${CAUSE}.${field}`,
      ...(optional && { optional }),
    });
  };
  const swap = swapOf(memory);
  // It is always so since 5.11, and before it can be said only of a group without children; false is refused by the kernel.
  if (memory.useHierarchy === true) add("useHierarchy", "memory.use_hierarchy", 1, true);
  if (memory.limit !== undefined && memory.limit !== 0) add("limit", "memory.limit_in_bytes", memory.limit);
  // "No limit" holds by itself on a kernel that does not count swap (swapaccount=0).
  if (swap !== undefined) add("swap", "memory.memsw.limit_in_bytes", swap, swap === -1);
  if (memory.reservation !== undefined && memory.reservation !== 0) {
    add("reservation", "memory.soft_limit_in_bytes", memory.reservation);
  }
  if (memory.kernelTCP !== undefined && memory.kernelTCP !== 0) {
    add("kernelTCP", "memory.kmem.tcp.limit_in_bytes", memory.kernelTCP);
  }
  if (memory.swappiness !== undefined) add("swappiness", "memory.swappiness", memory.swappiness);
  if (memory.disableOOMKiller !== undefined) {
    add("disableOOMKiller", "memory.oom_control", memory.disableOOMKiller ? 1 : 0, !memory.disableOOMKiller);
  }
  return writes;
}

function planVersion2(memory: Memory): CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  const add = (field: keyof Memory, file: string, value: number, optional = false): void => {
    writes.push({
      controller: "unified",
      file,
      value: value === -1 ? "max" : String(value),
      cause: `${CAUSE}.${field}`,
      ...(optional && { optional }),
    });
  };
  if (memory.disableOOMKiller === true) {
    throw new GantryError("unsupported", `${CAUSE}.disableOOMKiller needs cgroup v1: v2 always kills`);
  }
  if (memory.swappiness !== undefined) {
    throw new GantryError("unsupported", `${CAUSE}.swappiness needs cgroup v1: v2 has none for each group`);
  }
  if (memory.kernelTCP !== undefined && memory.kernelTCP !== 0) {
    throw new GantryError("unsupported", `${CAUSE}.kernelTCP needs cgroup v1: v2 counts it with all other memory`);
  }
  const swap = swapOf(memory);
  const limit = memory.limit === 0 ? undefined : memory.limit;
  if (swap !== undefined && swap !== -1 && limit === undefined) {
    throw new GantryError(
      "invalid-argument",
      `${CAUSE}.swap needs ${CAUSE}.limit on cgroup v2, which counts swap alone`,
    );
  }
  // Swap first: what the memory's limit pushes out at once has a place to go to, or has none, as it was asked.
  if (swap !== undefined) {
    const swapAlone = swap === -1 || limit === undefined || limit === -1 ? swap : swap - limit;
    // A kernel that does not count swap has no such file; without swap "none" and "no limit" hold by themselves.
    add("swap", "memory.swap.max", swapAlone, swapAlone === -1 || swapAlone === 0);
  }
  if (limit !== undefined) add("limit", "memory.max", limit);
  if (memory.reservation !== undefined && memory.reservation !== 0)
    add("reservation", "memory.low", memory.reservation);
  return writes;
}

/** The writes for `linux.resources.memory`; see `planCgroup`. */
export function planMemory(memory: Memory, host: CgroupHost): readonly CgroupFileWrite[] {
  for (const field of ["limit", "reservation", "swap", "kernelTCP"] as const) {
    const value = memory[field];
    if (value !== undefined) requireInteger(value, `${CAUSE}.${field}`, { min: -1 });
  }
  // -1 is Docker's word for "the kernel's default", 200 is the kernel's maximum since 5.8.
  const { swappiness, ...others } = memory;
  const hasSwappiness = swappiness !== undefined && swappiness !== -1;
  if (hasSwappiness) requireInteger(swappiness, `${CAUSE}.swappiness`, { min: 0, max: 200 });
  const asked: Memory = hasSwappiness ? { ...others, swappiness } : others;
  const first = (["limit", "swap", "reservation", "kernelTCP", "swappiness"] as const).find(
    (field) => asked[field] !== undefined && (asked[field] !== 0 || field === "swappiness"),
  );
  const cause = first ?? (["disableOOMKiller", "useHierarchy"] as const).find((field) => asked[field] === true);
  if (cause === undefined) return [];
  return requireController(host, "memory", `${CAUSE}.${cause}`) === 1 ? planVersion1(asked) : planVersion2(asked);
}
