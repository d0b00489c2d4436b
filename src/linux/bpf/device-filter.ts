import type { DeviceCgroupRule } from "../../oci/runtime-spec.ts";

/** A device, or all of a kind: an absent number is any. */
export interface DeviceException {
  readonly type: "b" | "c";
  readonly major?: number;
  readonly minor?: number;
  /** Letters of `rwm`, in this order, at least one. */
  readonly access: string;
}

/** Device rules in the kernel's normal form: a default, and what is excepted from it. */
export interface DeviceFilter {
  readonly defaultAllow: boolean;
  readonly exceptions: readonly DeviceException[];
}

const EVERYTHING = "rwm";

function sortAccess(letters: Iterable<string>): string {
  const given = new Set(letters);
  return [...EVERYTHING].filter((letter) => given.has(letter)).join("");
}

function wildcard(number: number | undefined): number | undefined {
  return number === undefined || number < 0 ? undefined : number;
}

function keyOf(exception: Omit<DeviceException, "access">): string {
  return `${exception.type} ${exception.major ?? "*"}:${exception.minor ?? "*"}`;
}

/**
 * Brings a list of OCI device rules into the kernel's normal form, with the semantics of the v1 controller
 * (kernel: Documentation/admin-guide/cgroup-v1/devices.rst, security/device_cgroup.c): rules take effect in order; one
 * for all devices resets the list and sets the default; another one adds to an exception or takes from it.
 *
 * A rule of type `a` with a number stands for both kinds. A container begins with the parent's default, which is "all
 * allowed" at the root: so it is here.
 */
export function normalizeDeviceRules(rules: readonly DeviceCgroupRule[]): DeviceFilter {
  let defaultAllow = true;
  let exceptions = new Map<string, DeviceException>();
  for (const rule of rules) {
    const major = wildcard(rule.major);
    const minor = wildcard(rule.minor);
    const access = sortAccess(rule.access === undefined || rule.access === "" ? EVERYTHING : rule.access);
    const isEverything = major === undefined && minor === undefined && access === EVERYTHING;
    const type = rule.type ?? "a";
    if (type === "a" && isEverything) {
      defaultAllow = rule.allow;
      exceptions = new Map();
      continue;
    }
    if (access === "") continue;
    for (const kind of type === "a" ? (["b", "c"] as const) : [type]) {
      const device = { type: kind, ...(major !== undefined && { major }), ...(minor !== undefined && { minor }) };
      const key = keyOf(device);
      const before = exceptions.get(key)?.access ?? "";
      const after =
        rule.allow === defaultAllow
          ? [...before].filter((letter) => !access.includes(letter)).join("")
          : sortAccess(before + access);
      if (after === "") exceptions.delete(key);
      else exceptions.set(key, { ...device, access: after });
    }
  }
  return { defaultAllow, exceptions: [...exceptions.values()] };
}

/** An exception as the v1 controller's files take and print it: `c 1:3 rwm`. */
export function formatDeviceException(exception: DeviceException): string {
  return `${keyOf(exception)} ${exception.access}`;
}

/**
 * Whether the kernel lets a process use a device under `filter`; the reference that the compiled form is tested against.
 * An exception that allows must cover all of the access alone; one that denies does so when it covers any part of it.
 */
export function allowsDevice(
  filter: DeviceFilter,
  device: { readonly type: "b" | "c"; readonly major: number; readonly minor: number },
  access: string,
): boolean {
  const matches = (exception: DeviceException): boolean =>
    exception.type === device.type &&
    (exception.major === undefined || exception.major === device.major) &&
    (exception.minor === undefined || exception.minor === device.minor) &&
    (filter.defaultAllow
      ? [...access].some((letter) => exception.access.includes(letter))
      : [...access].every((letter) => exception.access.includes(letter)));
  return filter.exceptions.some(matches) !== filter.defaultAllow;
}
