import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatPlanHeader } from "./plan-header.ts";
import { STEPS } from "./steps.ts";

test("native/plan.h is what scripts/generate-plan-header.ts writes", () => {
  expect(readFileSync(join(import.meta.dir, "../../../native/plan.h"), "utf8")).toBe(formatPlanHeader());
});

test("each step has a number of its own, and lists and bytes come last", () => {
  const numbers = Object.values(STEPS).map((step) => step.number);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const { fields } of Object.values(STEPS)) {
    const types: string[] = Object.values(fields);
    for (const type of types.slice(0, -1)) expect(["number", "string"]).toContain(type);
    const firstText = types.findIndex((type) => type !== "number");
    expect(types.slice(firstText < 0 ? types.length : firstText)).not.toContain("number");
  }
});
