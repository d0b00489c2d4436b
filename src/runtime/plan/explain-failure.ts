import { type ErrorCode, GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { MOUNT_ATTRIBUTES } from "./mount-options.ts";
import type { Plan, PlanStep } from "./steps.ts";

/** What the helper reports when a step fails. */
export interface StepFailure {
  /** Index in the plan; 0xffffffff when it was none of them. */
  readonly step: number;
  readonly errno: number;
  /** Which part of the step failed, or what the kernel said about it; often empty. */
  readonly text: string;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  [ERRNO.ENOENT]: "not-found",
  [ERRNO.EACCES]: "permission-denied",
  [ERRNO.EPERM]: "permission-denied",
  [ERRNO.ENOSPC]: "exhausted",
  [ERRNO.ENOMEM]: "exhausted",
  [ERRNO.EMFILE]: "exhausted",
  [ERRNO.EAGAIN]: "exhausted",
  [ERRNO.ENOSYS]: "unsupported",
  [ERRNO.ENODEV]: "unsupported",
  [ERRNO.EINVAL]: "invalid-argument",
};

/**
 * Turns a failed step into an error with Docker's words and exit codes where it has them: 127 there is no such program,
 * 126 it cannot be executed, 125 everything else.
 */
export function explainFailure(plan: Plan, failure: StepFailure): GantryError {
  const step = plan.steps[failure.step];
  if (step?.op === "execute" && failure.errno !== 0) return explainExecute(step.arguments[0] ?? "", failure);
  if (step?.op === "find-program" && failure.errno !== 0) return explainExecute(step.name, failure);
  if (step?.op === "set-attribute") return explainAttribute(step, failure);
  const reasons = [failure.text, failure.errno === 0 ? "" : describeErrno(failure.errno)].filter((text) => text !== "");
  const task = step === undefined ? "cannot start the container" : `cannot ${step.task}`;
  if (
    (step?.op === "mount-source" || step?.op === "mount-new") &&
    failure.errno === ERRNO.EINVAL &&
    failure.text === ""
  ) {
    // move_mount(2) has no other word for it.
    return new GantryError(
      "invalid-argument",
      `${task}: not a directory: a file goes on a file, a folder on a folder`,
      {
        exitCode: 125,
        hint: "see which of the two paths is a file",
      },
    );
  }
  if (failure.errno === ERRNO.EINVAL && isWithoutSymlinks(step))
    return new GantryError("unsupported", `${task}: the kernel refuses its options`, {
      exitCode: 125,
      hint: '"rnosymfollow" needs Linux 5.14',
    });
  if (step?.op === "map-ids" && failure.errno === ERRNO.EINVAL)
    return new GantryError("unsupported", `${task}: its file system, or one below it, cannot map ids on this kernel`, {
      exitCode: 125,
      hint: "mount_setattr(2) lists, under NOTES, which file systems can, and since when",
    });
  return new GantryError(CODES[failure.errno] ?? "internal", [task, ...reasons].join(": "), {
    exitCode: step?.op === "change-directory" ? 126 : 125,
  });
}

/** What the kernel's numbers mean where a label or profile is written. */
function explainAttribute(step: PlanStep & { readonly op: "set-attribute" }, failure: StepFailure): GantryError {
  const isProfile = step.cause === "process.apparmorProfile";
  const isRefused = failure.text === "";
  const task = `${step.cause}: cannot ${step.task}`;
  if (isProfile && isRefused && failure.errno === ERRNO.ENOENT)
    return new GantryError("not-found", `${task}: no such profile is loaded`, {
      exitCode: 125,
      hint: "load it with apparmor_parser, or see /sys/kernel/security/apparmor/profiles",
    });
  if (!isProfile && isRefused && failure.errno === ERRNO.EINVAL)
    return new GantryError("invalid-argument", `${task}: the loaded policy has no such label`, { exitCode: 125 });
  return new GantryError(CODES[failure.errno] ?? "internal", `${task}: ${describeErrno(failure.errno)}`, {
    exitCode: 125,
  });
}

function isWithoutSymlinks(step: PlanStep | undefined): boolean {
  const attributes = step?.op === "mount-source" ? Number(step.recursiveSet) | Number(step.recursiveClear) : 0;
  return (attributes & MOUNT_ATTRIBUTES.noSymlinkFollow) !== 0;
}

function explainExecute(name: string, failure: StepFailure): GantryError {
  const isPath = name.includes("/");
  const isFound = failure.text === "found";
  switch (failure.errno) {
    case ERRNO.ENOENT:
      if (isFound)
        return new GantryError("not-found", `exec ${name}: no such file or directory`, {
          exitCode: 127,
          hint: "the program is there, but its interpreter or dynamic loader is not in the image",
        });
      return new GantryError(
        "not-found",
        isPath
          ? `exec: "${name}": stat ${name}: no such file or directory`
          : `exec: "${name}": executable file not found in $PATH`,
        { exitCode: 127 },
      );
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return new GantryError("permission-denied", `exec: "${name}": permission denied`, { exitCode: 126 });
    case ERRNO.EISDIR:
      return new GantryError("invalid-argument", `exec: "${name}": is a directory`, { exitCode: 126 });
    case ERRNO.ENOTDIR:
      return new GantryError("not-found", `exec: "${name}": stat ${name}: not a directory`, { exitCode: 127 });
    case ERRNO.ENOEXEC:
      return new GantryError("invalid-argument", `exec ${name}: exec format error`, {
        exitCode: 126,
        hint: "the file is not a program of this platform, or a script without a #! line",
      });
    default:
      return new GantryError("internal", `exec: "${name}": ${describeErrno(failure.errno)}`, { exitCode: 126 });
  }
}
