import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { SeccompFilter } from "../plan/plan-process.ts";
import type { ListenerState } from "../seccomp/seccomp-listener.ts";

export function annotationsOf(spec: RuntimeSpec): Pick<RuntimeSpec, "annotations"> {
  return spec.annotations === undefined ? {} : { annotations: spec.annotations };
}

/** The filter for one process of a container. The compiler is loaded only where there is a profile. */
export async function planFilter(
  spec: RuntimeSpec,
  state: Omit<ListenerState, "ociVersion" | "annotations">,
): Promise<{ readonly seccomp?: SeccompFilter }> {
  const profile = spec.linux?.seccomp;
  if (profile === undefined) return {};
  const [{ planSeccompFilter }, { release }] = await Promise.all([
    import("../seccomp/plan-seccomp-filter.ts"),
    import("node:os"),
  ]);
  const seccomp = planSeccompFilter(profile, {
    arch: process.arch === "arm64" ? "aarch64" : "x86_64",
    kernelVersion: release(),
    state: { ociVersion: spec.ociVersion, ...state, ...annotationsOf(spec) },
  });
  return seccomp === undefined ? {} : { seccomp };
}
