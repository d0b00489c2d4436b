import type { PlanStep } from "./steps.ts";

/** Makes a symbolic link; where something has its name already, that stays. */
export function planLink(path: string, target: string, cause: string): PlanStep {
  return { op: "make-link", replace: 0, path, target, cause, task: `make the link "${path}"` };
}
