import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Device, DeviceCgroupRule } from "../../oci/runtime-spec.ts";
import type { DeviceConfig } from "./container-config.ts";

/** Folders of /dev whose content is a mount of its own in the container (containerd: oci/utils_unix.go, HostDevices). */
const SKIPPED_FOLDERS = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"];

/** Splits a `dev_t` as the C library does (gnu_dev_major, gnu_dev_minor). */
function splitDeviceNumber(rdev: number): { readonly major: number; readonly minor: number } {
  const number = BigInt(rdev);
  return {
    major: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)),
    minor: Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n)),
  };
}

function deviceOf(path: string, stat: Stats): Device | undefined {
  const type = stat.isCharacterDevice() ? "c" : stat.isBlockDevice() ? "b" : undefined;
  if (type === undefined) return undefined;
  return { type, path, ...splitDeviceNumber(stat.rdev), fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
}

/** Numbers of a block device, for its limits. @throws `invalid-argument` if there is none at the path. */
export function blockDeviceNumbers(path: string): { readonly major: number; readonly minor: number } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new GantryError("invalid-argument", `stat ${path}: no such file or directory`);
  if (!stat.isBlockDevice()) throw new GantryError("invalid-argument", `${path} is not a block device`);
  return splitDeviceNumber(stat.rdev);
}

/** Every device node of the host: what a privileged container finds in its /dev. */
export function hostDevices(folder = "/dev"): readonly Device[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return SKIPPED_FOLDERS.includes(name) ? [] : hostDevices(path);
    const device = name === "console" || stat === undefined ? undefined : deviceOf(path, stat);
    return device === undefined ? [] : [device];
  });
}

/**
 * What `--device` adds: nodes, and the right to use them. A folder stands for all devices below it.
 *
 * @throws `invalid-argument` if there is no device at the path.
 */
export function requestedDevices(config: DeviceConfig): {
  readonly devices: readonly Device[];
  readonly rules: readonly DeviceCgroupRule[];
} {
  const failure = (why: string): GantryError =>
    new GantryError(
      "invalid-argument",
      `error gathering device information while adding custom device "${config.pathOnHost}": ${why}`,
    );
  let devices: readonly Device[];
  try {
    const real = realpathSync(config.pathOnHost);
    const stat = statSync(real);
    const single = deviceOf(config.pathInContainer, stat);
    devices = stat.isDirectory()
      ? hostDevices(real).map((device) => ({
          ...device,
          path: config.pathInContainer + device.path.slice(real.length),
        }))
      : single === undefined
        ? []
        : [single];
  } catch {
    throw failure("no such file or directory");
  }
  if (devices.length === 0) throw failure(`${basename(config.pathOnHost)} is not a device node`);
  const rules = devices.map(({ type, major = 0, minor = 0 }): DeviceCgroupRule => {
    return { allow: true, type: type === "b" ? "b" : "c", major, minor, access: config.permissions };
  });
  return { devices, rules };
}
