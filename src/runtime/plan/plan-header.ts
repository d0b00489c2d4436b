import { type FieldType, PLAN_LIMITS, PLAN_MAGIC, PLAN_VERSION, STEPS } from "./steps.ts";

function constantName(text: string): string {
  return text
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toUpperCase();
}

/** Text of `native/plan.h`: numbers of steps and fields, and the shape that the plan's reader checks. */
export function formatPlanHeader(): string {
  const lines = [
    "/* Generated from src/runtime/plan/steps.ts by scripts/generate-plan-header.ts: do not edit. */",
    "#ifndef GANTRY_PLAN_H",
    "#define GANTRY_PLAN_H",
    "",
    `#define PLAN_MAGIC 0x${PLAN_MAGIC.toString(16)}u`,
    `#define PLAN_VERSION ${PLAN_VERSION}u`,
    `#define PLAN_MAX_BYTES ${PLAN_LIMITS.bytes}u`,
    `#define PLAN_MAX_STEPS ${PLAN_LIMITS.steps}u`,
    `#define PLAN_MAX_STRINGS ${PLAN_LIMITS.strings}u`,
    `#define PLAN_MAX_SLOTS ${PLAN_LIMITS.slots}u`,
    "",
  ];
  const shapes: string[] = [];
  let highest = 0;
  for (const [name, { number, fields }] of Object.entries(STEPS)) {
    highest = Math.max(highest, number);
    const entries = Object.entries(fields) as [string, FieldType][];
    const numbers = entries.filter(([, type]) => type === "number");
    const texts = entries.filter(([, type]) => type !== "number");
    const step = constantName(name);
    lines.push(`#define STEP_${step} ${number}`);
    numbers.forEach(([field], index) => {
      lines.push(`#define ${step}_${constantName(field)} ${index}`);
    });
    texts.forEach(([field], index) => {
      lines.push(`#define ${step}_${constantName(field)} ${index}`);
    });
    const hasList = texts.some(([, type]) => type === "list") ? 1 : 0;
    const hasBytes = texts.some(([, type]) => type === "bytes") ? 1 : 0;
    shapes.push(`\t[STEP_${step}] = {1, ${numbers.length}, ${texts.length - hasList}, ${hasList}, ${hasBytes}}, \\`);
  }
  lines.push(
    "",
    `#define STEP_LAST ${highest}`,
    "",
    "/* For each step: it exists, how many numbers, how many strings, whether a list of strings follows, whether the last string is raw bytes. */",
    "#define PLAN_SHAPES { \\",
    ...shapes,
    "}",
    "",
    "#endif",
    "",
  );
  return lines.join("\n");
}
