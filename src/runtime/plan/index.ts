export { encodePlan } from "./encode-plan.ts";
export { explainFailure, type StepFailure } from "./explain-failure.ts";
export { formatPlan } from "./format-plan.ts";
export { type ContainerPlanOptions, planContainer, type RootfsSource } from "./plan-container.ts";
export { type ExecPlanOptions, planExec } from "./plan-exec.ts";
export type { CgroupFolder } from "./plan-mounts.ts";
export type { SeccompFilter } from "./plan-process.ts";
export type { Plan, PlanStep } from "./steps.ts";
