import type { Seccomp } from "../../oci/runtime-spec.ts";
import { type CompiledSeccomp, type CompileSeccompOptions, compileSeccomp } from "./compile-seccomp.ts";
import { type ListenerState, planListener, type SeccompListener } from "./seccomp-listener.ts";

/** A filter for one process, with whom it asks. */
export interface PlannedSeccomp extends CompiledSeccomp {
  readonly listener?: SeccompListener;
}

/**
 * The filter of `linux.seccomp` for one process of the container that `state` tells of; undefined when there is nothing
 * to filter: no profile, or one that says neither a default nor rules (runc: libcontainer/specconv, SetupSeccomp).
 *
 * @throws as `compileSeccomp` and `planListener`.
 */
export function planSeccompFilter(
  profile: Seccomp | undefined,
  options: CompileSeccompOptions & { readonly state: ListenerState },
): PlannedSeccomp | undefined {
  if (profile === undefined) return undefined;
  // From a file, the default may be missing.
  const { defaultAction = "" } = profile as Partial<Seccomp>;
  if (defaultAction === ("" as string) && (profile.syscalls ?? []).length === 0) return undefined;
  const listener = planListener(profile, options.state);
  return { ...compileSeccomp(profile, options), ...(listener === undefined ? {} : { listener }) };
}
