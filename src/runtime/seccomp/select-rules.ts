import { GantryError } from "../../errors/gantry-error.ts";
import type { SeccompRule } from "../../oci/runtime-spec.ts";
import type { NativeArchitecture } from "./seccomp-architecture.ts";

/** When a rule of a profile in Docker's form applies. */
export interface RuleFilter {
  /** Docker's names, `amd64`, `arm64`. */
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  /** `major.minor`. */
  readonly minKernel?: string;
}

/** A rule of a profile in Docker's form. */
export interface ConditionalRule extends SeccompRule {
  readonly includes?: RuleFilter;
  readonly excludes?: RuleFilter;
}

export interface SelectRulesOptions {
  /** The container's bounding set, as `CAP_…`. */
  readonly capabilities: readonly string[];
  readonly arch: NativeArchitecture;
  /** The running kernel's release, `6.1.0-13-amd64`. Without it every `minKernel` counts as reached (all are below 5.12). */
  readonly kernelVersion?: string;
}

const DOCKER_NAMES: Readonly<Record<NativeArchitecture, string>> = { x86_64: "amd64", aarch64: "arm64" };

function parseVersion(text: string): readonly [number, number] {
  const match = /^(\d{1,6})\.(\d{1,6})/.exec(text);
  if (match === null) throw new GantryError("invalid-argument", `not a kernel version: ${JSON.stringify(text)}`);
  return [Number(match[1]), Number(match[2])];
}

/** True if the running kernel is at least the needed one; one that is not known is. */
export function hasKernel(running: string | undefined, needed: string): boolean {
  const [major, minor] = parseVersion(needed);
  if (running === undefined) return true;
  const [runningMajor, runningMinor] = parseVersion(running);
  return runningMajor > major || (runningMajor === major && runningMinor >= minor);
}

/**
 * The rules that apply to this container here, as Docker selects them: of `includes` all must hold, with every capability
 * there; of `excludes` nothing may hold, with no capability there.
 */
export function selectRules(rules: readonly ConditionalRule[], options: SelectRulesOptions): readonly SeccompRule[] {
  const arch = DOCKER_NAMES[options.arch];
  const has = (capability: string): boolean => options.capabilities.includes(capability);
  return rules
    .filter(({ includes = {}, excludes = {} }) => {
      if (excludes.arches?.includes(arch)) return false;
      if (excludes.caps?.some(has)) return false;
      if (excludes.minKernel !== undefined && hasKernel(options.kernelVersion, excludes.minKernel)) return false;
      if (includes.arches !== undefined && includes.arches.length > 0 && !includes.arches.includes(arch)) return false;
      if (includes.caps !== undefined && !includes.caps.every(has)) return false;
      return includes.minKernel === undefined || hasKernel(options.kernelVersion, includes.minKernel);
    })
    .map(({ includes: _includes, excludes: _excludes, ...rule }) => rule);
}
