import type { Seccomp } from "../../oci/runtime-spec.ts";
import { parseCapabilityName } from "../../runtime/capabilities/index.ts";
import type { SeccompFilter } from "../../runtime/plan/index.ts";
import {
  compileSeccomp,
  defaultSeccompProfile,
  type ListenerState,
  parseSeccompProfile,
  planListener,
} from "../../runtime/seccomp/index.ts";
import { OCI_VERSION } from "../../runtime/spec/index.ts";
import type { SecurityConfig } from "./container-config.ts";
import type { HostFacts } from "./host-facts.ts";

type SeccompHost = Pick<HostFacts, "architecture" | "kernelRelease">;

/** A filter ready for the kernel, and the rules it was made of. */
export interface CompiledSeccomp {
  readonly profile: Seccomp;
  readonly program: Uint8Array;
  readonly flags: number;
}

const MAX_CACHED = 64;

/** Compiling takes milliseconds and depends only on the profile and the capabilities: each is done once. */
const compiled = new Map<string, CompiledSeccomp>();

/** @throws `invalid-argument` for a capability that there is not. */
export function requireCapabilityNames(security: SecurityConfig | undefined): void {
  for (const name of [...(security?.capAdd ?? []), ...(security?.capDrop ?? [])]) parseCapabilityName(name);
}

/** @throws `invalid-argument` for a profile that cannot be read. */
export function requireSeccomp(security: SecurityConfig | undefined, host: SeccompHost): void {
  planSeccomp(security, { host, capabilities: [] });
}

/**
 * The filter of a container: the caller's profile or the built-in one, for the capabilities it has; none when it is
 * `unconfined` or empty, or privileged without a profile of its own (moby: daemon/seccomp_linux.go).
 */
export function planSeccomp(
  security: SecurityConfig | undefined,
  options: { readonly host: SeccompHost; readonly capabilities: readonly string[] },
): CompiledSeccomp | undefined {
  const wanted = security?.seccomp || "builtin";
  if (wanted === "unconfined" || (security?.privileged === true && wanted === "builtin")) {
    return undefined;
  }
  const key = JSON.stringify([wanted, options.capabilities]);
  const cached = compiled.get(key);
  if (cached !== undefined) return cached;
  const { architecture: arch, kernelRelease: kernelVersion } = options.host;
  const facts = { capabilities: options.capabilities, arch, kernelVersion };
  const profile = wanted === "builtin" ? defaultSeccompProfile(facts) : parseSeccompProfile(wanted, facts);
  if (profile === undefined) return undefined;
  const result = { profile, ...compileSeccomp(profile, { arch, kernelVersion }) };
  if (compiled.size >= MAX_CACHED) compiled.delete(compiled.keys().next().value ?? "");
  compiled.set(key, result);
  return result;
}

/** A filter for one process; `state` tells an agent, if the profile has one, whose it is. */
export function forProcess(seccomp: CompiledSeccomp, state: Omit<ListenerState, "ociVersion">): SeccompFilter {
  const { profile, program, flags } = seccomp;
  const listener = planListener(profile, { ociVersion: OCI_VERSION, ...state });
  return { program, flags, ...(listener === undefined ? {} : { listener }) };
}
