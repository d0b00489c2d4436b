export { DEFAULT_DEVICE_RULES, PRIVILEGED_DEVICE_RULES } from "./default-devices.ts";
export { DEFAULT_MOUNTS, DEFAULT_SHM_SIZE_BYTES } from "./default-mounts.ts";
export { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from "./default-paths.ts";
export { DEFAULT_SYSCTLS } from "./default-sysctls.ts";
export { type NamespaceChoice, OCI_VERSION, planSpec, type SpecInput, type SpecMount } from "./plan-spec.ts";
