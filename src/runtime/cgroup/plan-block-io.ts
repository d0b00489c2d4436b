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

function planWeight(weight: number, host: CgroupHost): CgroupFileWrite {
  const cause = `${CAUSE}.weight`;
  requireInteger(weight, cause, { min: 10, max: 1000 });
  // The weights of BFQ came in 5.0 when those of CFQ went; `blkio.weight` and `io.weight` are of other schedulers.
  if (requireController(host, "blkio", cause) === 1) {
    const value = String(weight);
    return {
      controller: "blkio",
      file: "blkio.bfq.weight",
      value,
      cause,
      alternatives: [{ file: "blkio.weight", value }],
    };
  }
  return {
    controller: "unified",
    file: "io.bfq.weight",
    value: String(weight),
    cause,
    alternatives: [{ file: "io.weight", value: `default ${ioWeightOfBlkioWeight(weight)}` }],
  };
}

/** The writes for `linux.resources.blockIO`; see `planCgroup`. */
export function planBlockIo(blockIo: BlockIo, host: CgroupHost): readonly CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  if (blockIo.weight !== undefined && blockIo.weight !== 0) writes.push(planWeight(blockIo.weight, host));
  for (const { field, file, key } of THROTTLES) {
    for (const [index, device] of (blockIo[field] ?? []).entries()) {
      const cause = `${CAUSE}.${field}[${index}]`;
      requireInteger(device.major, `${cause}.major`, { min: 0 });
      requireInteger(device.minor, `${cause}.minor`, { min: 0 });
      requireInteger(device.rate, `${cause}.rate`, { min: 0 });
      const name = `${device.major}:${device.minor}`;
      writes.push(
        requireController(host, "blkio", cause) === 1
          ? { controller: "blkio", file, value: `${name} ${device.rate}`, cause }
          : { controller: "unified", file: "io.max", value: `${name} ${key}=${device.rate || "max"}`, cause },
      );
    }
  }
  return writes;
}
