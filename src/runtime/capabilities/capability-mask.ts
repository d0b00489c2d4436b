import { GantryError } from "../../errors/gantry-error.ts";
import { CAPABILITY_NAMES, capabilityBit } from "./capability-names.ts";

/**
 * The names in a capability mask as `/proc/<pid>/status` prints it (`CapBnd:`, 16 hex digits), in order of bits.
 * Bits that this program has no name for (a newer kernel's) are left out: nobody can ask for them.
 *
 * @throws `invalid-argument` when `hex` is not up to 16 hex digits.
 */
export function parseCapabilityMask(hex: string): readonly string[] {
  if (!/^[0-9a-fA-F]{1,16}$/.test(hex)) {
    throw new GantryError("invalid-argument", `not a capability mask: ${JSON.stringify(hex.slice(0, 40))}`);
  }
  const mask = BigInt(`0x${hex}`);
  return CAPABILITY_NAMES.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}

/**
 * The mask with the bits of `names` set.
 *
 * @throws `invalid-argument` when a name is not a capability's full name.
 */
export function encodeCapabilityMask(names: readonly string[]): bigint {
  let mask = 0n;
  for (const name of names) {
    const bit = capabilityBit(name);
    if (bit === undefined) throw new GantryError("invalid-argument", `unknown capability: ${JSON.stringify(name)}`);
    mask |= 1n << BigInt(bit);
  }
  return mask;
}

/**
 * What a process may hand on to a container, from the text of its `/proc/<pid>/status`: the capabilities that are in its
 * bounding set and permitted (one that is only bounding cannot be raised, one only permitted is lost at `execve`).
 *
 * @throws `invalid-argument` when a line is missing.
 */
export function parseAvailableCapabilities(status: string): readonly string[] {
  const read = (field: string): ReadonlySet<string> => {
    const match = new RegExp(`^${field}:\\s*([0-9a-fA-F]{1,16})$`, "m").exec(status);
    if (match?.[1] === undefined)
      throw new GantryError("invalid-argument", `there is no line ${field} in a process's status`);
    return new Set(parseCapabilityMask(match[1]));
  };
  const bounding = read("CapBnd");
  const permitted = read("CapPrm");
  return CAPABILITY_NAMES.filter((name) => bounding.has(name) && permitted.has(name));
}
