import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupFileWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { requireController, requireInteger } from "./require-controller.ts";

const CAUSE = "linux.resources.rdma";

/** The writes for `linux.resources.rdma`; see `planCgroup`. */
export function planRdma(rdma: NonNullable<Resources["rdma"]>, host: CgroupHost): readonly CgroupFileWrite[] {
  return Object.entries(rdma).map(([device, limits]) => {
    const cause = `${CAUSE}["${device}"]`;
    if (!/^[^\s/=]{1,63}$/.test(device)) {
      throw new GantryError("invalid-argument", `${cause} is not a name of a device`);
    }
    const words = (["hcaHandles", "hcaObjects"] as const).flatMap((field) => {
      const limit = limits[field];
      if (limit === undefined) return [];
      requireInteger(limit, `${cause}.${field}`, { min: 0, max: 0xffff_ffff });
      return [`${field === "hcaHandles" ? "hca_handle" : "hca_object"}=${limit}`];
    });
    if (words.length === 0) {
      throw new GantryError("invalid-argument", `${cause} has neither hcaHandles nor hcaObjects`);
    }
    const controller = requireController(host, "rdma", cause) === 1 ? "rdma" : "unified";
    return { controller, file: "rdma.max", value: [device, ...words].join(" "), cause };
  });
}
