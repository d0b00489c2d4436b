import type { Plan, PlanStep } from "../plan/steps.ts";

/** What of a step is needed to say why it failed: no long lists, nothing secret. */
export type ExplainedStep = Readonly<Record<string, string | number | readonly string[]>> & {
  readonly op: string;
  readonly cause: string;
  readonly task: string;
};

const MAX_TEXT = 256;

function short(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function explained(step: PlanStep): ExplainedStep {
  const result: Record<string, string | number | readonly string[]> = {};
  for (const [name, value] of Object.entries(step) as [string, unknown][]) {
    if (typeof value === "number") result[name] = value;
    else if (typeof value === "string") result[name] = short(value);
    else if (Array.isArray(value)) result[name] = step.op === "execute" ? value.slice(0, 1).map(short) : [];
  }
  return result as ExplainedStep;
}

/** The steps from one on, small enough for a command's argument. */
export function explainedSteps(plan: Plan, from = 0): readonly ExplainedStep[] {
  return plan.steps.slice(from).map(explained);
}

/** A plan as good as the first one for saying why a step of it failed. */
export function planOfExplained(steps: readonly ExplainedStep[], from = 0): Plan {
  const filler = { op: "barrier", cause: "", task: "start the container" } as const;
  return { steps: [...Array.from({ length: from }, () => filler), ...(steps as unknown as readonly PlanStep[])] };
}
