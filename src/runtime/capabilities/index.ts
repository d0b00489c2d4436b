export { encodeCapabilityMask, parseAvailableCapabilities, parseCapabilityMask } from "./capability-mask.ts";
export { CAPABILITY_NAMES, capabilityBit, DEFAULT_CAPABILITIES } from "./capability-names.ts";
export {
  parseCapabilityName,
  type ResolveCapabilitiesOptions,
  type ResolvedCapabilities,
  resolveCapabilities,
} from "./resolve-capabilities.ts";
