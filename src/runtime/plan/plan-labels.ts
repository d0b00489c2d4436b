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
  return [setLabel(label, cause, { file: "exec", optional: 0 })];
}

/** The label of keys that init makes, which is to say of the keyring of the session; execve ends it. */
export function planKeyLabel(process: Process, facts: SecurityFacts): PlanStep[] {
  const label = process.selinuxLabel ?? "";
  const cause = "process.selinuxLabel";
  if (label === "") return [];
  requireSelinux(label, cause, facts);
  // A kernel without keys has no such file.
  return [setLabel(label, cause, { file: "keycreate", optional: 1 })];
}

function setLabel(
  value: string,
  cause: string,
  options: { readonly file: string; readonly optional: number },
): PlanStep {
  const { file, optional } = options;
  return { op: "set-attribute", optional, value, files: [file], cause, task: `set the SELinux label "${value}"` };
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
