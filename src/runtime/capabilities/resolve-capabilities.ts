import { GantryError } from "../../errors/gantry-error.ts";
import { CAPABILITY_NAMES, capabilityBit } from "./capability-names.ts";
import { DEFAULT_CAPABILITIES } from "./default-capabilities.ts";

const ALL = "ALL";

export interface ResolveCapabilitiesOptions {
  /** `--cap-add`: names with or without `CAP_`, in any case, or `ALL`. */
  readonly add: readonly string[];
  /** `--cap-drop`, likewise. */
  readonly drop: readonly string[];
  /** Everything the daemon has; `add` and `drop` are then without effect, as in Docker. */
  readonly privileged: boolean;
  /** What the daemon itself has and can hand on, see `parseAvailableCapabilities`. */
  readonly available: readonly string[];
}

export interface ResolvedCapabilities {
  /** What the container gets, in order of bits. */
  readonly capabilities: readonly string[];
  /** What it would have got if the daemon had it; worth one warning when not empty. */
  readonly missing: readonly string[];
}

/**
 * Says a capability as the kernel does: `net_admin` becomes `CAP_NET_ADMIN`; `ALL` stays.
 *
 * @throws `invalid-argument` when there is none of that name.
 */
export function parseCapabilityName(text: string): string {
  const upper = text.toUpperCase();
  if (upper === ALL) return ALL;
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (capabilityBit(name) === undefined) {
    throw new GantryError("invalid-argument", `unknown capability: ${JSON.stringify(text)}`, {
      hint: "see capabilities(7) for their names, or use ALL",
    });
  }
  return name;
}

function wanted(options: ResolveCapabilitiesOptions): ReadonlySet<string> {
  const add = options.add.map(parseCapabilityName);
  const drop = options.drop.map(parseCapabilityName);
  const every = CAPABILITY_NAMES.slice(0, kernelCapabilityCount(options.available));
  if (options.privileged) return new Set(every);
  // Docker's order of the rules: ALL in `add` beats ALL in `drop`, and a single name in `add` beats one in `drop`.
  if (add.includes(ALL)) return new Set(every.filter((name) => !drop.includes(name)));
  if (drop.includes(ALL)) return new Set(add);
  return new Set([...DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name)), ...add]);
}

/**
 * How many capabilities the running kernel has: nothing tells it but the daemon's own set, whose highest bit is taken for
 * the kernel's last one. So `ALL` on an old kernel does not count the newer ones as missing.
 */
function kernelCapabilityCount(available: readonly string[]): number {
  return Math.max(0, ...available.map((name) => (capabilityBit(name) ?? -1) + 1));
}

/**
 * Resolves what a container may do from what was asked, as Docker resolves it, cut to what the daemon has itself.
 *
 * @throws `invalid-argument` when a name in `add` or `drop` is unknown.
 */
export function resolveCapabilities(options: ResolveCapabilitiesOptions): ResolvedCapabilities {
  const asked = wanted(options);
  const available = new Set(options.available);
  const inOrder = CAPABILITY_NAMES.filter((name) => asked.has(name));
  return {
    capabilities: inOrder.filter((name) => available.has(name)),
    missing: inOrder.filter((name) => !available.has(name)),
  };
}
