import { readFileSync, writeFileSync } from "node:fs";
import { errorCode } from "../errors/error-code.ts";
import { GantryError } from "../errors/gantry-error.ts";

/**
 * Sets a kernel parameter of the calling thread's network namespace, if it is not so already.
 *
 * @param path below `/proc/sys/net`, such as `ipv4/ip_forward`.
 * @returns false if the kernel has no such parameter (IPv6 switched off).
 */
export function setNetworkParameter(path: string, value: string): boolean {
  const file = `/proc/sys/net/${path}`;
  try {
    if (readFileSync(file, "utf8").trim() !== value) writeFileSync(file, value);
    return true;
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return false;
    throw new GantryError("permission-denied", `cannot set the kernel parameter net/${path} to ${value}`, {
      hint: `set it yourself: sysctl -w net.${path.replaceAll("/", ".")}=${value}`,
      cause,
    });
  }
}

/** Docker's range for ports that it chooses, where the kernel does not tell its own. */
const DEFAULT_PORT_RANGE = { first: 49153, last: 65535 } as const;

/** A range of ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Reads `ip_local_port_range`: `32768\t60999`. Total: anything else is Docker's default. */
export function parsePortRange(text: string): PortRange {
  const match = /^([0-9]{1,5})\s+([0-9]{1,5})\s*$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  return first >= 1 && last <= 65535 && first <= last ? { first, last } : DEFAULT_PORT_RANGE;
}

/** The ports that the kernel gives to who does not ask for one; Docker chooses from the same. */
export function readPortRange(): PortRange {
  try {
    return parsePortRange(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"));
  } catch {
    return DEFAULT_PORT_RANGE;
  }
}
