import { readFileSync } from "node:fs";
import type { Capabilities, Process } from "../../oci/runtime-spec.ts";
import { parseAvailableCapabilities } from "../capabilities/capability-mask.ts";
import { capabilityBit } from "../capabilities/capability-names.ts";

const SETS = ["bounding", "effective", "permitted", "inheritable", "ambient"] as const;

/**
 * A process without the capabilities that nobody can give it: names that are unknown, and what we do not have ourselves;
 * each is told once (as runc does: a configuration of a newer kernel has to work on an older one). One that is not both
 * permitted and inheritable cannot be ambient (capabilities(7)), and goes without a word: `runc spec` writes such.
 */
export function withUsableCapabilities(process: Process, warn: (message: string) => void): Process {
  const { capabilities } = process;
  if (capabilities === undefined) return process;
  const available = new Set(parseAvailableCapabilities(readFileSync("/proc/self/status", "latin1")));
  return onlyUsable(process, { available, warn });
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
