export { type CompiledSeccomp, compileSeccomp } from "./compile-seccomp.ts";
export { defaultSeccompProfile } from "./default-seccomp-profile.ts";
export { encodeSyscallData, interpretBpf, type SyscallData } from "./interpret-bpf.ts";
export { parseSeccompProfile } from "./parse-seccomp-profile.ts";
export type { NativeArchitecture } from "./seccomp-architecture.ts";
export type { SelectRulesOptions } from "./select-rules.ts";
