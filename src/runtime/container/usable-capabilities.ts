import { readFileSync } from "node:fs";
import type { Capabilities, Linux, Process } from "../../oci/runtime-spec.ts";
import { parseAvailableCapabilities } from "../capabilities/capability-mask.ts";
import { CAPABILITY_NAMES, capabilityBit } from "../capabilities/capability-names.ts";

const SETS = ["bounding", "effective", "permitted", "inheritable", "ambient"] as const;

/**
 * A process without the capabilities that nobody can give it: names that are unknown, and what we do not have ourselves;
 * each is told once (as runc does: a configuration of a newer kernel has to work on an older one). One that is not both
 * permitted and inheritable cannot be ambient (capabilities(7)), and goes without a word: `runc spec` writes such.
 * Who comes into a user namespace has all there, whatever he has on the host: user_namespaces(7).
 */
export function withUsableCapabilities(
  process: Process,
  options: { readonly linux: Linux | undefined; warn(message: string): void },
): Process {
  if (process.capabilities === undefined) return process;
  const hasUsers = (options.linux?.namespaces ?? []).some(({ type }) => type === "user");
  const available = new Set(hasUsers ? kernelCapabilities() : ownCapabilities());
  return onlyUsable(process, { available, warn: options.warn });
}

function kernelCapabilities(): readonly string[] {
  const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "latin1"));
  return CAPABILITY_NAMES.slice(0, last + 1);
}

function ownCapabilities(): readonly string[] {
  return parseAvailableCapabilities(readFileSync("/proc/self/status", "latin1"));
}

/** Pure. */
export function onlyUsable(
  process: Process,
  options: { readonly available: ReadonlySet<string>; warn(message: string): void },
): Process {
  const { capabilities = {} } = process;
  const missing = new Set<string>();
  const usable: { -readonly [Set in keyof Capabilities]: Capabilities[Set] } = {};
  for (const set of SETS) {
    const names = capabilities[set];
    if (names === undefined) continue;
    usable[set] = names.filter((name) => {
      const isUsable = capabilityBit(name) !== undefined && options.available.has(name);
      if (!isUsable) missing.add(name);
      return isUsable;
    });
  }
  const { permitted = [], inheritable = [], ambient } = usable;
  if (ambient !== undefined)
    usable.ambient = ambient.filter((name) => permitted.includes(name) && inheritable.includes(name));
  if (missing.size > 0)
    options.warn(`process.capabilities: ignoring unknown or unavailable capabilities: ${[...missing].join(", ")}`);
  return { ...process, capabilities: usable };
}
