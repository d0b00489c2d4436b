import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { planBlockIo } from "./plan-block-io.ts";
import { planCpu } from "./plan-cpu.ts";
import { planDevices } from "./plan-devices.ts";
import { planHugepages } from "./plan-hugepages.ts";
import { planMemory } from "./plan-memory.ts";
import { planNetworkClass } from "./plan-network-class.ts";
import { planRdma } from "./plan-rdma.ts";
import { requireController, requireInteger } from "./require-controller.ts";

const CAUSE = "linux.resources";

function planPids(limit: number, host: CgroupHost): CgroupWrite {
  const cause = `${CAUSE}.pids.limit`;
  const version = requireController(host, "pids", cause);
  // Zero and below is "no limit" for runc and Docker; a container without any process could not begin.
  const value = requireInteger(limit, cause, { min: -1 }) > 0 ? String(limit) : "max";
  return { controller: version === 1 ? "pids" : "unified", file: "pids.max", value, cause };
}

function planUnified(unified: Readonly<Record<string, string>>, host: CgroupHost): CgroupWrite[] {
  return Object.entries(unified).flatMap(([file, value]) => {
    const cause = `${CAUSE}.unified["${file}"]`;
    if (host.mode !== "v2") throw new GantryError("unsupported", `${cause} needs a machine with cgroup v2 alone`);
    // runc refuses a name with a slash too: this is the one place where a name comes from outside (config-linux.md).
    if (!/^[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/.test(file)) {
      throw new GantryError("invalid-argument", `${cause} is not the name of a cgroup file`);
    }
    if (value.includes("\0")) throw new GantryError("invalid-argument", `${cause} has a NUL in its value`);
    // A file of keys takes one in each write(2): lines are written one by one.
    const lines = value.split("\n").filter((line) => line !== "");
    return (lines.length === 0 ? [value] : lines).map((line) => ({ controller: "unified", file, value: line, cause }));
  });
}

/**
 * Says what has to be written into a container's control groups so that `resources` hold; pure. What is absent from
 * `resources` is left as it is: so the same function serves creation and update.
 *
 * The order is that of creation. `ContainerCgroup.update` retries what the kernel refuses only because of a value that
 * a later write changes (quota before period, memory before memory and swap).
 *
 * @throws `unsupported` when the machine has no controller for something that was asked; `invalid-argument` for a value
 * that no kernel takes. Both name the path in the specification.
 */
export function planCgroup(resources: Resources, host: CgroupHost): readonly CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (resources.devices !== undefined) writes.push(...planDevices(resources.devices, host));
  if (resources.cpu !== undefined) writes.push(...planCpu(resources.cpu, host));
  if (resources.memory !== undefined) writes.push(...planMemory(resources.memory, host));
  if (resources.pids?.limit !== undefined) writes.push(planPids(resources.pids.limit, host));
  if (resources.blockIO !== undefined) writes.push(...planBlockIo(resources.blockIO, host));
  if (resources.hugepageLimits !== undefined) writes.push(...planHugepages(resources.hugepageLimits, host));
  if (resources.network !== undefined) writes.push(...planNetworkClass(resources.network, host));
  if (resources.rdma !== undefined) writes.push(...planRdma(resources.rdma, host));
  if (resources.unified !== undefined) writes.push(...planUnified(resources.unified, host));
  return writes;
}
