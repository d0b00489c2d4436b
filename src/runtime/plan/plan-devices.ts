import { GantryError } from "../../errors/gantry-error.ts";
import type { Device } from "../../oci/runtime-spec.ts";
import { parseTarget } from "./parse-target.ts";
import { planLink } from "./plan-link.ts";
import type { PlanStep } from "./steps.ts";

/** Devices that every container has (runtime-spec, config-linux.md, "Default Devices"); /dev/console and /dev/ptmx come otherwise. */
const DEFAULT_DEVICES: readonly Device[] = [
  { path: "/dev/null", type: "c", major: 1, minor: 3 },
  { path: "/dev/zero", type: "c", major: 1, minor: 5 },
  { path: "/dev/full", type: "c", major: 1, minor: 7 },
  { path: "/dev/random", type: "c", major: 1, minor: 8 },
  { path: "/dev/urandom", type: "c", major: 1, minor: 9 },
  { path: "/dev/tty", type: "c", major: 5, minor: 0 },
];

const LINKS: readonly (readonly [path: string, target: string])[] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
];
const MULTIPLEXER = "/dev/ptmx";

/** S_IF… of mknod(2). */
const FILE_TYPES: Readonly<Record<Device["type"], number>> = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 };

function planDevice(device: Device, cause: string): PlanStep {
  const type = FILE_TYPES[device.type];
  if (type === undefined)
    throw new GantryError("invalid-argument", `${cause}.type: no such type of device: "${device.type}"`);
  if (device.type !== "p" && (device.major === undefined || device.minor === undefined))
    throw new GantryError("invalid-argument", `${cause}: a device needs major and minor`);
  const path = parseTarget(device.path, `${cause}.path`);
  return {
    op: "make-device",
    mode: type | ((device.fileMode ?? 0o666) & 0o7777),
    major: device.major ?? 0,
    minor: device.minor ?? 0,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
    path,
    cause,
    task: `make the device "${path}"`,
  };
}

/**
 * Plans the default devices, those of the specification, and the links in /dev. A device of the specification wins over
 * a default one; at /dev/ptmx there is always the container's own multiplexer, whatever is there or is wished for.
 *
 * @param options.hasKcore whether the host's kernel has a /proc/kcore.
 */
export function planDevices(devices: readonly Device[], options: { readonly hasKcore?: boolean } = {}): PlanStep[] {
  const own = new Map(
    devices.map((device, index) => {
      const cause = `linux.devices[${index}]`;
      return [parseTarget(device.path, `${cause}.path`), planDevice(device, cause)] as const;
    }),
  );
  const defaults = DEFAULT_DEVICES.filter((device) => !own.has(device.path));
  own.delete(MULTIPLEXER);
  const links = options.hasKcore ? [...LINKS, ["/dev/core", "/proc/kcore"] as const] : LINKS;
  return [
    ...defaults.map((device) => planDevice(device, "default device")),
    ...own.values(),
    ...links.map(([path, target]) => planLink(path, target, "default link")),
    { ...planLink(MULTIPLEXER, "pts/ptmx", "default link"), replace: 1 } as PlanStep,
  ];
}
