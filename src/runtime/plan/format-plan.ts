import { type FieldType, type Plan, type PlanStep, STEPS } from "./steps.ts";

function formatValue(value: unknown, type: FieldType): string {
  if (type === "number") {
    const number = BigInt(value as number | bigint);
    return number > 4096n ? `0x${number.toString(16)}` : number.toString();
  }
  if (type === "bytes") return `<${(value as Uint8Array).length} bytes>`;
  return JSON.stringify(value);
}

function formatStep(step: PlanStep): string {
  const values = step as unknown as Readonly<Record<string, unknown>>;
  const fields = (Object.entries(STEPS[step.op].fields) as [string, FieldType][]).map(
    ([field, type]) => `${field}=${formatValue(values[field], type)}`,
  );
  return `${[step.op, ...fields].join(" ")}  # ${step.cause}`;
}

/** A plan as text, one step a line, each with its cause: for `--dry-run` and golden tests. */
export function formatPlan(plan: Plan): string {
  return plan.steps.map((step) => `${formatStep(step)}\n`).join("");
}
