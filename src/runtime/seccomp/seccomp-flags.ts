import { GantryError } from "../../errors/gantry-error.ts";
import type { Seccomp } from "../../oci/runtime-spec.ts";
import { needsListener, requireListenerPath } from "./seccomp-listener.ts";
import { hasKernel } from "./select-rules.ts";

interface Flag {
  /** SECCOMP_FILTER_FLAG_… (include/uapi/linux/seccomp.h). */
  readonly bit: number;
  /** The first kernel that takes it. */
  readonly since: string;
}

/** TSYNC has no bit: the filter is set by a process with one thread, just before it executes another program. */
const FLAGS: Readonly<Record<string, Flag>> = {
  SECCOMP_FILTER_FLAG_LOG: { bit: 1 << 1, since: "4.14" },
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: { bit: 1 << 2, since: "4.17" },
  SECCOMP_FILTER_FLAG_TSYNC: { bit: 0, since: "3.17" },
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: { bit: 1 << 5, since: "5.19" },
};

const NEW_LISTENER = 1 << 3;
const WAIT_KILLABLE_RECV = 1 << 5;

/** The flags that a profile may name: all that are known, or those that a kernel takes. */
export function seccompFlagNames(kernelVersion?: string): readonly string[] {
  return Object.entries(FLAGS)
    .filter(([, { since }]) => hasKernel(kernelVersion, since))
    .map(([name]) => name);
}

/**
 * The flags for seccomp(2). A profile without a list gets SPEC_ALLOW where the kernel has it, as runc does it: kernels
 * before 5.16 take a filter for a wish to have the processor slowed down.
 *
 * @throws `unsupported` for a flag that nobody or not this kernel knows; `invalid-argument` for a listener that cannot be.
 */
export function encodeFlags(profile: Seccomp, kernelVersion?: string): number {
  let bits = 0;
  const byDefault = seccompFlagNames(kernelVersion).filter((name) => name === "SECCOMP_FILTER_FLAG_SPEC_ALLOW");
  for (const name of profile.flags ?? byDefault) {
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (flag === undefined)
      throw new GantryError("unsupported", `linux.seccomp.flags: unknown flag ${JSON.stringify(name)}`);
    if (!hasKernel(kernelVersion, flag.since))
      throw new GantryError("unsupported", `linux.seccomp.flags: ${name} needs Linux ${flag.since}`);
    bits |= flag.bit;
  }
  if (needsListener(profile)) {
    requireListenerPath(profile);
    return bits | NEW_LISTENER;
  }
  if ((bits & WAIT_KILLABLE_RECV) !== 0) {
    throw new GantryError(
      "invalid-argument",
      "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY",
    );
  }
  return bits;
}
