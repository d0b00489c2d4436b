import { type DeviceException, type DeviceFilter, normalizeDeviceRules } from "../bpf/device-filter.ts";
import type { CgroupWrite } from "../cgroupfs/cgroup-write.ts";
import type { UnitProperty } from "./unit-property.ts";

function filterOf(writes: readonly CgroupWrite[]): DeviceFilter | undefined {
  const program = writes.findLast((write) => "devices" in write);
  if (program !== undefined && "devices" in program) return program.devices;
  const lines = writes.filter((write) => "file" in write && write.controller === "devices");
  if (lines.length === 0) return undefined;
  return normalizeDeviceRules(
    lines.flatMap((line) => {
      if (!("file" in line)) return [];
      const allow = line.file === "devices.allow";
      const match = /^([bc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(line.value);
      if (match === null) return [{ allow, access: "rwm" }];
      const [, type, major = "", minor = "", access = ""] = match;
      return [
        {
          ...{ allow, access, type: type === "b" ? ("b" as const) : ("c" as const) },
          ...(major !== "*" && { major: Number(major) }),
          ...(minor !== "*" && { minor: Number(minor) }),
        },
      ];
    }),
  );
}

/** How systemd names devices; undefined for all of one minor number, which it cannot. */
function pathOf({ type, major, minor }: DeviceException, version: number): string | undefined {
  const kind = type === "b" ? "block" : "char";
  if (major === undefined) return minor === undefined ? `${kind}-*` : undefined;
  if (minor !== undefined) return `/dev/${kind}/${major}:${minor}`;
  // A number in place of a name of /proc/devices is understood since 240.
  return version >= 240 ? `${kind}-${major}` : undefined;
}

/**
 * What a unit has to be told about devices. systemd knows lists of what is allowed only, and not every rule: what it
 * denies too much the group's own filter, which takes the place of systemd's, gives back.
 */
export function deviceProperties(writes: readonly CgroupWrite[], version: number): readonly UnitProperty[] {
  const filter = filterOf(writes);
  if (filter === undefined) return [];
  const allow = (list: readonly (readonly string[])[]): UnitProperty => [
    "DeviceAllow",
    { signature: "a(ss)", value: list },
  ];
  const policy = (value: string): UnitProperty => ["DevicePolicy", { signature: "s", value }];
  if (filter.defaultAllow) return [allow([]), policy(filter.exceptions.length === 0 ? "auto" : "strict")];
  const entries = filter.exceptions.flatMap((exception) => {
    const path = pathOf(exception, version);
    return path === undefined ? [] : [[path, exception.access]];
  });
  // The empty list first: entries add to those that the unit has.
  return [allow([]), policy("strict"), allow(entries)];
}
