export { encodeCapabilityMask, parseAvailableCapabilities, parseCapabilityMask } from "./capability-mask.ts";
export { CAPABILITY_NAMES, capabilityBit } from "./capability-names.ts";
export { DEFAULT_CAPABILITIES } from "./default-capabilities.ts";
export {
  parseCapabilityName,
  type ResolveCapabilitiesOptions,
  type ResolvedCapabilities,
  resolveCapabilities,
} from "./resolve-capabilities.ts";
