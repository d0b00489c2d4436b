import { GantryError } from "../../errors/gantry-error.ts";
import type { Linux } from "../../oci/runtime-spec.ts";
import type { PlanStep } from "./steps.ts";

const CLOCKS = ["monotonic", "boottime"];
const NANOSECONDS = 1_000_000_000;

/** Plans a new time namespace with what its clocks are ahead by (runtime-spec, config-linux.md, "Offset for Time Namespace"). */
export function planTimeOffsets(linux: Linux): PlanStep[] {
  const namespace = (linux.namespaces ?? []).find(({ type }) => type === "time");
  const offsets = Object.entries(linux.timeOffsets ?? {});
  const cause = "linux.timeOffsets";
  if (namespace === undefined) {
    if (linux.timeOffsets !== undefined)
      throw new GantryError("invalid-argument", `${cause}: there is no time namespace in linux.namespaces`);
    return [];
  }
  if (namespace.path) {
    if (linux.timeOffsets !== undefined)
      throw new GantryError("invalid-argument", `${cause}: a time namespace that is joined has its offsets already`);
    return [];
  }
  const lines = offsets.map(([clock, { secs = 0, nanosecs = 0 }]) => {
    if (!CLOCKS.includes(clock))
      throw new GantryError("invalid-argument", `${cause}: no such clock: ${JSON.stringify(clock)}`, {
        hint: "a time namespace has offsets for monotonic and boottime",
      });
    if (!Number.isSafeInteger(secs))
      throw new GantryError("invalid-argument", `${cause}.${clock}.secs: not a number of seconds: ${secs}`);
    if (!Number.isInteger(nanosecs) || nanosecs < 0 || nanosecs >= NANOSECONDS)
      throw new GantryError("invalid-argument", `${cause}.${clock}.nanosecs: not from 0 to 999999999: ${nanosecs}`);
    return `${clock} ${secs} ${nanosecs}\n`;
  });
  return [{ op: "new-time-namespace", offsets: lines.join(""), cause, task: "create the time namespace" }];
}
