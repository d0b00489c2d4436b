import { GantryError } from "../../errors/gantry-error.ts";
import { type CgroupHost, findController } from "../../linux/cgroupfs/cgroup-host.ts";

/**
 * The version of the hierarchy that has `controller`.
 *
 * @throws `unsupported` naming `cause` and the controller when the machine has none.
 */
export function requireController(host: CgroupHost, controller: string, cause: string): 1 | 2 {
  // The v2 kernel calls the block controller `io`; freezing and devices are not controllers there.
  const mount = findController(host, controller) ?? (controller === "blkio" ? findController(host, "io") : undefined);
  if (mount !== undefined) return mount.version;
  throw new GantryError(
    "unsupported",
    `${cause} needs the cgroup controller "${controller}", which this machine lacks`,
    { hint: "leave the option out, or see /proc/cgroups for what the kernel has" },
  );
}

/**
 * Checks an integer of the specification.
 *
 * @throws `invalid-argument` naming `cause`.
 */
export function requireInteger(
  value: number,
  cause: string,
  options: { readonly min: number; readonly max?: number },
): number {
  const max = options.max ?? Number.MAX_SAFE_INTEGER;
  if (!Number.isSafeInteger(value) || value < options.min || value > max) {
    const range = options.max === undefined ? `of at least ${options.min}` : `from ${options.min} to ${max}`;
    throw new GantryError("invalid-argument", `${cause} must be an integer ${range}, not ${value}`);
  }
  return value;
}
