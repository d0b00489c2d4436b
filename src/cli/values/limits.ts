import { parseMemorySize } from "./memory-size.ts";
import { parseInteger } from "./number.ts";

/** `PATH:VALUE` of a device. @throws in Docker's words (docker/cli: opts/throttledevice.go). */
function splitDevice(text: string): readonly [path: string, value: string] {
  const colon = text.indexOf(":");
  if (colon <= 0) throw new Error(`bad format: ${text}`);
  const path = text.slice(0, colon);
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return [path, text.slice(colon + 1)];
}

const RATE = "Number must be a positive integer";

/** `--device-read-bps /dev/sda:1mb`. */
export function parseBytesRate(text: string): { readonly Path: string; readonly Rate: number } {
  const [path, value] = splitDevice(text);
  try {
    return { Path: path, Rate: parseMemorySize(value) };
  } catch {
    const form = "<device-path>:<number>[<unit>]";
    throw new Error(
      `invalid rate for device: ${text}. The correct format is ${form}. ${RATE}. Unit is optional and can be kb, mb, or gb`,
    );
  }
}

/** `--device-read-iops /dev/sda:1000`. */
export function parseOperationsRate(text: string): { readonly Path: string; readonly Rate: number } {
  const [path, value] = splitDevice(text);
  if (!/^\d{1,15}$/.test(value)) {
    throw new Error(`invalid rate for device: ${text}. The correct format is <device-path>:<number>. ${RATE}`);
  }
  return { Path: path, Rate: Number(value) };
}

/** `--blkio-weight-device /dev/sda:500`. */
export function parseDeviceWeight(text: string): { readonly Path: string; readonly Weight: number } {
  const [path, value] = splitDevice(text);
  const weight = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (weight !== 0 && !(weight >= 10 && weight <= 1000)) throw new Error(`invalid weight for device: ${text}`);
  return { Path: path, Weight: weight };
}

/** `--device-cgroup-rule 'c 1:3 rwm'`. */
export function parseDeviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) {
    throw new Error(`invalid device cgroup format '${text}'`);
  }
  return text;
}

/** `--memory-swappiness`: -1 is the kernel's own. */
export function parseSwappiness(text: string): number {
  const value = parseInteger(text);
  if (value < -1 || value > 100) throw new Error(`invalid value: ${value}. Valid memory swappiness range is 0-100`);
  return value;
}

const ULIMITS = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
  " ",
);

/** `--ulimit nofile=1024:2048`; -1 is no limit. @throws in Docker's words (docker/go-units: ulimit.go). */
export function parseUlimit(text: string): { readonly Name: string; readonly Soft: number; readonly Hard: number } {
  const equals = text.indexOf("=");
  if (equals < 0) throw new Error(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  const value = text.slice(equals + 1);
  if (!ULIMITS.includes(name)) throw new Error(`invalid ulimit type: ${name}`);
  const [first = "", second, ...more] = value.split(":");
  if (more.length > 0) {
    throw new Error(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  }
  const soft = parseInteger(first);
  const hard = second === undefined ? soft : parseInteger(second);
  const order = "ulimit soft limit must be less than or equal to hard limit:";
  if (hard !== -1 && soft === -1) throw new Error(`${order} soft: -1 (unlimited), hard: ${hard}`);
  if (hard !== -1 && soft > hard) throw new Error(`${order} ${soft} > ${hard}`);
  return { Name: name, Soft: soft, Hard: hard };
}
