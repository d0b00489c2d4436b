import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupFileWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { requireController, requireInteger } from "./require-controller.ts";

const CAUSE = "linux.resources.hugepageLimits";

/**
 * The writes for `linux.resources.hugepageLimits`: what may be used and, where the kernel counts it (5.7), what may be
 * reserved, so that a program fails at mmap(2) and is not killed at the first touch. See `planCgroup`.
 */
export function planHugepages(limits: NonNullable<Resources["hugepageLimits"]>, host: CgroupHost): CgroupFileWrite[] {
  return limits.flatMap(({ pageSize, limit }, index) => {
    const cause = `${CAUSE}[${index}]`;
    if (!/^[1-9]\d{0,9}[KMG]B$/.test(pageSize)) {
      throw new GantryError(
        "invalid-argument",
        `${cause}.pageSize is not a size of pages: ${JSON.stringify(pageSize)}`,
        {
          hint: "write it like 2MB",
        },
      );
    }
    const value = String(requireInteger(limit, `${cause}.limit`, { min: 0 }));
    const isFirst = requireController(host, "hugetlb", cause) === 1;
    const controller = isFirst ? "hugetlb" : "unified";
    const file = isFirst ? "limit_in_bytes" : "max";
    return [
      { controller, file: `hugetlb.${pageSize}.${file}`, value, cause },
      { controller, file: `hugetlb.${pageSize}.rsvd.${file}`, value, cause, optional: true },
    ];
  });
}
