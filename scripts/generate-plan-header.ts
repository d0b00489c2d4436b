import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatPlanHeader } from "../src/runtime/plan/plan-header.ts";

/** Writes `native/plan.h`; a test compares it with what is committed. */
writeFileSync(join(import.meta.dirname, "../native/plan.h"), formatPlanHeader());
