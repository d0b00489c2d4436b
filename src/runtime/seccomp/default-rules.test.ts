import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SeccompArgument } from "../../oci/runtime-spec.ts";
import { DEFAULT_RULES } from "./default-rules.ts";
import type { ConditionalRule, RuleFilter } from "./select-rules.ts";

const SIGNS: Readonly<Partial<Record<SeccompArgument["op"], string>>> = {
  SCMP_CMP_LT: "<",
  SCMP_CMP_EQ: "==",
  SCMP_CMP_GT: ">",
};

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function writeArgument({ index, op, value, valueTwo = 0 }: SeccompArgument): string {
  return op === "SCMP_CMP_MASKED_EQ"
    ? `${index}&${hex(value)}==${hex(valueTwo)}`
    : `${index}${SIGNS[op] ?? op}${hex(value)}`;
}

function writeFilter(sign: string, { arches = [], caps = [], minKernel }: RuleFilter = {}): readonly string[] {
  return [
    ...(arches.length === 0 ? [] : [`${sign}${arches.toSorted().join(",")}`]),
    ...caps.map((name) => `${sign}${name}`),
    ...(minKernel === undefined ? [] : [`${sign}kernel-${minKernel}`]),
  ];
}

/** A rule in the words of the vectors. */
function write(rule: ConditionalRule): readonly string[] {
  const errno = rule.errnoRet === undefined ? "" : `(${rule.errnoRet})`;
  const words = [
    `${rule.action.slice("SCMP_ACT_".length)}${errno}`,
    ...(rule.args ?? []).map(writeArgument),
    ...writeFilter("+", rule.includes),
    ...writeFilter("-", rule.excludes),
  ];
  return rule.names.map((name) => [name, ...words].join(" "));
}

test("the default rules are Docker's, each call of each", () => {
  const text = readFileSync(join(import.meta.dirname, "default-rules-vectors.txt"), "utf8");
  const vectors = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(vectors.length).toBeGreaterThan(400);
  expect(DEFAULT_RULES.flatMap(write).toSorted()).toEqual(vectors.toSorted());
});
