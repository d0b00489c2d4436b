import { SECCOMP_ACTIONS } from "./seccomp-action.ts";
import { ARCHITECTURE_NAMES } from "./seccomp-architecture.ts";
import { seccompFlagNames } from "./seccomp-flags.ts";
import { SECCOMP_OPERATORS } from "./syscall-decisions.ts";

/** `linux.seccomp` of the features document (features-linux.md, "Seccomp"). */
export interface SeccompFeatures {
  readonly enabled: true;
  readonly actions: readonly string[];
  readonly operators: readonly string[];
  readonly archs: readonly string[];
  readonly knownFlags: readonly string[];
  readonly supportedFlags: readonly string[];
}

/** What of seccomp there is on a kernel of this release. */
export function seccompFeatures(kernelVersion: string): SeccompFeatures {
  return {
    enabled: true,
    actions: SECCOMP_ACTIONS,
    operators: SECCOMP_OPERATORS,
    archs: ARCHITECTURE_NAMES,
    knownFlags: seccompFlagNames(),
    supportedFlags: seccompFlagNames(kernelVersion),
  };
}
