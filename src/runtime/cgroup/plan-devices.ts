import { GantryError } from "../../errors/gantry-error.ts";
import { formatDeviceException, normalizeDeviceRules } from "../../linux/bpf/device-filter.ts";
import { type CgroupHost, findController, findUnified } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { DeviceCgroupRule } from "../../oci/runtime-spec.ts";

const CAUSE = "linux.resources.devices";

/**
 * What a container may do with devices when nothing is said (moby `oci/defaults.go` and what runc adds to it): make any
 * node, use the usual character devices and terminals, and nothing else.
 */
export const DEFAULT_DEVICE_RULES: readonly DeviceCgroupRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" }, // null
  { allow: true, type: "c", major: 1, minor: 5, access: "rwm" }, // zero
  { allow: true, type: "c", major: 1, minor: 7, access: "rwm" }, // full
  { allow: true, type: "c", major: 1, minor: 8, access: "rwm" }, // random
  { allow: true, type: "c", major: 1, minor: 9, access: "rwm" }, // urandom
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" }, // tty
  { allow: true, type: "c", major: 5, minor: 1, access: "rwm" }, // console
  { allow: true, type: "c", major: 5, minor: 2, access: "rwm" }, // ptmx
  { allow: true, type: "c", major: 136, access: "rwm" }, // pts
];

function check(rules: readonly DeviceCgroupRule[]): void {
  for (const [index, rule] of rules.entries()) {
    const cause = `${CAUSE}[${index}]`;
    if (rule.access !== undefined && !/^[rwm]*$/.test(rule.access)) {
      throw new GantryError("invalid-argument", `${cause}.access has letters other than r, w and m: ${rule.access}`);
    }
    for (const number of [rule.major, rule.minor]) {
      if (number !== undefined && (!Number.isInteger(number) || number > 0xffff_ffff)) {
        throw new GantryError("invalid-argument", `${cause} has a device number that cannot be: ${number}`);
      }
    }
  }
}

/** The writes for `linux.resources.devices`, in v1 as lines, in v2 as a filter program; see `planCgroup`. */
export function planDevices(rules: readonly DeviceCgroupRule[], host: CgroupHost): readonly CgroupWrite[] {
  if (rules.length === 0) return [];
  check(rules);
  const filter = normalizeDeviceRules(rules);
  if (findController(host, "devices") !== undefined) {
    const [reset, except] = filter.defaultAllow ? ["devices.allow", "devices.deny"] : ["devices.deny", "devices.allow"];
    return [
      { controller: "devices", file: reset, value: "a", cause: CAUSE },
      ...filter.exceptions.map((exception) => ({
        controller: "devices",
        file: except,
        value: formatDeviceException(exception),
        cause: CAUSE,
      })),
    ];
  }
  if (findUnified(host) === undefined) {
    throw new GantryError("unsupported", `${CAUSE} needs the cgroup controller "devices", which this machine lacks`);
  }
  return [{ controller: "unified", devices: filter, cause: CAUSE }];
}
