export { type CompiledSeccomp, type CompileSeccompOptions, compileSeccomp } from "./compile-seccomp.ts";
export { defaultSeccompProfile } from "./default-seccomp-profile.ts";
export { encodeSyscallData, interpretBpf, type SyscallData } from "./interpret-bpf.ts";
export { parseSeccompProfile } from "./parse-seccomp-profile.ts";
export { type PlannedSeccomp, planSeccompFilter } from "./plan-seccomp-filter.ts";
export type { NativeArchitecture } from "./seccomp-architecture.ts";
export { type SeccompFeatures, seccompFeatures } from "./seccomp-features.ts";
export { type ListenerState, needsListener, planListener, type SeccompListener } from "./seccomp-listener.ts";
export type { SelectRulesOptions } from "./select-rules.ts";
