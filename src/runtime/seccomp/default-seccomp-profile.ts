import type { Seccomp } from "../../oci/runtime-spec.ts";
import { DEFAULT_RULES } from "./default-rules.ts";
import { type SelectRulesOptions, selectRules } from "./select-rules.ts";

const EPERM = 1;

const ARCHITECTURES = {
  x86_64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  aarch64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
} as const;

/** Docker's default profile for a container with these capabilities on this machine; see `DEFAULT_RULES`. */
export function defaultSeccompProfile(options: SelectRulesOptions): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: ARCHITECTURES[options.arch],
    syscalls: selectRules(DEFAULT_RULES, options),
  };
}
