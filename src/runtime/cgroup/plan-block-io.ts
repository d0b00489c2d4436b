import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupFileWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { ioWeightOfBlkioWeight } from "./cpu-weight.ts";
import { requireController, requireInteger } from "./require-controller.ts";

type BlockIo = NonNullable<Resources["blockIO"]>;

const CAUSE = "linux.resources.blockIO";

/** Each throttle of the specification: its v1 file, and its key in v2's `io.max`. */
const THROTTLES = [
  { field: "throttleReadBpsDevice", file: "blkio.throttle.read_bps_device", key: "rbps" },
  { field: "throttleWriteBpsDevice", file: "blkio.throttle.write_bps_device", key: "wbps" },
  { field: "throttleReadIOPSDevice", file: "blkio.throttle.read_iops_device", key: "riops" },
  { field: "throttleWriteIOPSDevice", file: "blkio.throttle.write_iops_device", key: "wiops" },
] as const;

function requireWeight(weight: number, cause: string): number {
  return requireInteger(weight, cause, { min: 10, max: 1000 });
}

/**
 * The weights of BFQ came in 5.0 when those of CFQ went; `blkio.weight` and `io.weight` are of other schedulers.
 *
 * @param device `8:0`; left out for the default of all devices.
 */
function planWeight(weight: number, host: CgroupHost, where: { cause: string; device?: string }): CgroupFileWrite {
  const { cause, device } = where;
  requireWeight(weight, cause);
  const value = device === undefined ? String(weight) : `${device} ${weight}`;
  const suffix = device === undefined ? "" : "_device";
  if (requireController(host, "blkio", cause) === 1) {
    const file = `blkio.bfq.weight${suffix}`;
    return { controller: "blkio", file, value, cause, alternatives: [{ file: `blkio.weight${suffix}`, value }] };
  }
  const other = `${device ?? "default"} ${ioWeightOfBlkioWeight(weight)}`;
  return {
    controller: "unified",
    file: "io.bfq.weight",
    value,
    cause,
    alternatives: [{ file: "io.weight", value: other }],
  };
}

/** How the processes directly in a group compete with those of groups inside of it: CFQ alone had it, so only v1 has files. */
function planLeafWeight(weight: number, host: CgroupHost, where: { cause: string; device?: string }): CgroupFileWrite {
  const { cause, device } = where;
  requireWeight(weight, cause);
  if (requireController(host, "blkio", cause) === 2) {
    throw new GantryError("unsupported", `${cause} needs cgroup v1: v2 has no processes beside groups`);
  }
  return device === undefined
    ? { controller: "blkio", file: "blkio.leaf_weight", value: String(weight), cause }
    : { controller: "blkio", file: "blkio.leaf_weight_device", value: `${device} ${weight}`, cause };
}

function deviceName(device: { readonly major: number; readonly minor: number }, cause: string): string {
  requireInteger(device.major, `${cause}.major`, { min: 0 });
  requireInteger(device.minor, `${cause}.minor`, { min: 0 });
  return `${device.major}:${device.minor}`;
}

function planWeights(blockIo: BlockIo, host: CgroupHost): CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  if (blockIo.weight) writes.push(planWeight(blockIo.weight, host, { cause: `${CAUSE}.weight` }));
  if (blockIo.leafWeight) writes.push(planLeafWeight(blockIo.leafWeight, host, { cause: `${CAUSE}.leafWeight` }));
  for (const [index, entry] of (blockIo.weightDevice ?? []).entries()) {
    const cause = `${CAUSE}.weightDevice[${index}]`;
    const device = deviceName(entry, cause);
    if (entry.weight) writes.push(planWeight(entry.weight, host, { cause: `${cause}.weight`, device }));
    if (entry.leafWeight) writes.push(planLeafWeight(entry.leafWeight, host, { cause: `${cause}.leafWeight`, device }));
  }
  return writes;
}

/** The writes for `linux.resources.blockIO`; a weight of zero is none. See `planCgroup`. */
export function planBlockIo(blockIo: BlockIo, host: CgroupHost): readonly CgroupFileWrite[] {
  const writes = planWeights(blockIo, host);
  for (const { field, file, key } of THROTTLES) {
    for (const [index, device] of (blockIo[field] ?? []).entries()) {
      const cause = `${CAUSE}.${field}[${index}]`;
      const name = deviceName(device, cause);
      requireInteger(device.rate, `${cause}.rate`, { min: 0 });
      writes.push(
        requireController(host, "blkio", cause) === 1
          ? { controller: "blkio", file, value: `${name} ${device.rate}`, cause }
          : { controller: "unified", file: "io.max", value: `${name} ${key}=${device.rate || "max"}`, cause },
      );
    }
  }
  return writes;
}
