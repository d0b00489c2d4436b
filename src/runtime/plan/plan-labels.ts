import { GantryError } from "../../errors/gantry-error.ts";
import type { SecurityFacts } from "../../linux/security/security-facts.ts";
import type { Linux, Process } from "../../oci/runtime-spec.ts";
import type { PlanStep } from "./steps.ts";

/** Below /proc/thread-self/attr. The first is AppArmor's own; the other was one for all modules before Linux 5.1. */
const APPARMOR_FILES = ["apparmor/exec", "exec"];

/**
 * What the next program gets from AppArmor and SELinux. The kernel keeps it for the execve to come and refuses at once what it
 * does not know, so it is told before the barrier: a profile that is missing fails the creation and not the start.
 *
 * @throws `unsupported` for a profile or label that this kernel cannot give.
 */
export function planLabels(process: Process, facts: SecurityFacts): PlanStep[] {
  return [...planProfile(process.apparmorProfile ?? "", facts), ...planProcessLabel(process.selinuxLabel ?? "", facts)];
}

function planProfile(profile: string, facts: SecurityFacts): PlanStep[] {
  const cause = "process.apparmorProfile";
  if (profile === "" || (profile === "unconfined" && !facts.apparmor)) return [];
  if (!facts.apparmor)
    throw new GantryError(
      "unsupported",
      `${cause}: cannot apply "${profile}": AppArmor is not enabled in this kernel`,
      { hint: "leave the profile out, or boot with AppArmor" },
    );
  const task = `apply the AppArmor profile "${profile}"`;
  return [{ op: "set-attribute", optional: 0, value: `exec ${profile}`, files: APPARMOR_FILES, cause, task }];
}

function planProcessLabel(label: string, facts: SecurityFacts): PlanStep[] {
  const cause = "process.selinuxLabel";
  if (label === "") return [];
  requireSelinux(label, cause, facts);
  const step = { op: "set-attribute", value: label, cause, task: `set the SELinux label "${label}"` } as const;
  return [
    { ...step, optional: 0, files: ["exec"] },
    // Of the keys that are made until then: the session's keyring.
    { ...step, optional: 1, files: ["keycreate"] },
  ];
}

/** The label of what is mounted for the container; `""`: none. */
export function checkMountLabel(linux: Linux, facts: SecurityFacts): string {
  const label = linux.mountLabel ?? "";
  if (label !== "") requireSelinux(label, "linux.mountLabel", facts);
  return label;
}

function requireSelinux(label: string, cause: string, facts: SecurityFacts): void {
  if (!facts.selinux)
    throw new GantryError("unsupported", `${cause}: cannot use "${label}": SELinux is not enabled in this kernel`, {
      hint: "leave the label out, or boot with SELinux",
    });
  // A quote would end the label where mount(2) takes it with other options.
  if (!/^[^\s"\\,]+(,[^\s"\\,]+)*$/.test(label))
    throw new GantryError("invalid-argument", `${cause}: not a label of SELinux: ${JSON.stringify(label)}`);
}
