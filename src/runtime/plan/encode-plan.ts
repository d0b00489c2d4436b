import { GantryError } from "../../errors/gantry-error.ts";
import { type FieldType, PLAN_LIMITS, PLAN_MAGIC, PLAN_VERSION, type Plan, type PlanStep, STEPS } from "./steps.ts";

/**
 * The binary form of a plan, little-endian, all of it aligned to 8 bytes:
 *
 *     header  u32 magic, version, bytes in all, steps
 *     step    u16 number, u16 numbers, u32 strings, u32 bytes of this step, u32 0
 *             u64 for each number, { u32 offset from the step's start, u32 length } for each string,
 *             the strings, each with a NUL after it
 */
export function encodePlan(plan: Plan): Uint8Array {
  if (plan.steps.length > PLAN_LIMITS.steps) throw tooLarge("steps");
  const chunks = plan.steps.map(encodeStep);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 16);
  if (length > PLAN_LIMITS.bytes) throw tooLarge("bytes");
  const bytes = new Uint8Array(length);
  const header = new DataView(bytes.buffer);
  [PLAN_MAGIC, PLAN_VERSION, length, chunks.length].forEach((value, index) => {
    header.setUint32(index * 4, value, true);
  });
  let at = 16;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function tooLarge(what: string): GantryError {
  return new GantryError("invalid-argument", `the container's configuration is too large (${what})`);
}

/** Numbers and strings of a step, in the order of the table. */
function fieldsOf(step: PlanStep): { numbers: bigint[]; strings: Uint8Array[] } {
  const numbers: bigint[] = [];
  const strings: Uint8Array[] = [];
  const values = step as unknown as Readonly<Record<string, unknown>>;
  for (const [field, type] of Object.entries(STEPS[step.op].fields) as [string, FieldType][]) {
    const value = values[field];
    if (type === "number") numbers.push(BigInt.asUintN(64, BigInt(value as number | bigint)));
    else if (type === "bytes") strings.push(value as Uint8Array);
    else
      for (const text of type === "list" ? (value as readonly string[]) : [value as string])
        strings.push(encodeText(text, step));
  }
  return { numbers, strings };
}

function encodeText(text: string, step: PlanStep): Uint8Array {
  if (text.includes("\0"))
    throw new GantryError("invalid-argument", `${step.cause}: a NUL character in ${JSON.stringify(text)}`);
  return Buffer.from(text, "utf8");
}

function encodeStep(step: PlanStep): Uint8Array {
  const { numbers, strings } = fieldsOf(step);
  if (strings.length > PLAN_LIMITS.strings) throw tooLarge(step.cause);
  const first = 16 + numbers.length * 8 + strings.length * 8;
  const end = strings.reduce((sum, text) => sum + text.length + 1, first);
  const bytes = new Uint8Array(Math.ceil(end / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, STEPS[step.op].number, true);
  view.setUint16(2, numbers.length, true);
  view.setUint32(4, strings.length, true);
  view.setUint32(8, bytes.length, true);
  numbers.forEach((value, index) => {
    view.setBigUint64(16 + index * 8, value, true);
  });
  let at = first;
  strings.forEach((text, index) => {
    const span = 16 + numbers.length * 8 + index * 8;
    view.setUint32(span, at, true);
    view.setUint32(span + 4, text.length, true);
    bytes.set(text, at);
    at += text.length + 1;
  });
  return bytes;
}
