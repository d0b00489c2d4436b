import type { DeviceCgroupRule } from "../../oci/runtime-spec.ts";

/** Docker's list together with what runc adds to every list: it stands beside the code that compiles it. */
export { DEFAULT_DEVICE_RULES } from "../cgroup/index.ts";

/** A privileged container may use every device. */
export const PRIVILEGED_DEVICE_RULES: readonly DeviceCgroupRule[] = [{ allow: true, access: "rwm" }];
