import { GantryError } from "../../errors/gantry-error.ts";
import type { Seccomp, SeccompArgument, SeccompOperator, SeccompRule } from "../../oci/runtime-spec.ts";
import { findMultiplexer } from "./multiplexed-syscalls.ts";
import { isNarrowArgument } from "./narrow-arguments.ts";
import { encodeAction, isPermissive } from "./seccomp-action.ts";
import { type SeccompArchitecture, syscallNumber } from "./seccomp-architecture.ts";

/** A comparison of one argument, in the form that is compiled. */
export interface Condition {
  readonly index: number;
  readonly op: "eq" | "gt" | "ge";
  /** The comparison's result is turned round: `ne`, `le`, `lt`. */
  readonly isNegated: boolean;
  /** Bits of the argument that are looked at; all but for `eq`. */
  readonly mask: bigint;
  readonly value: bigint;
  readonly bits: 32 | 64;
}

export interface ConditionalAction {
  /** All must hold. */
  readonly conditions: readonly Condition[];
  readonly action: number;
}

/** `gt` and `ge` come after all others, what is below a bound before what is above one. */
function rank({ op, isNegated }: Condition): number {
  if (op === "eq") return 3;
  return isNegated ? 2 : 1;
}

/**
 * The order in which rules with conditions are tried, that of libseccomp (`src/db.c`, `_db_chain_lt`), which keeps them
 * sorted, so that the narrower comes first: by the first argument that they look at, the last one first; then equality,
 * below, above; then the value, the smaller first for "below", else the greater. A rule that says more than another
 * comes before it. What is alike stays as it was.
 *
 * libseccomp shares comparisons among rules in a tree, and then at times passes over a rule that holds, or takes one that
 * does not (`> 0x100000002` beside `< 2` lets 4 pass); here each rule is what it says.
 */
function compareConditions(a: readonly Condition[], b: readonly Condition[]): number {
  for (const [at, x] of a.entries()) {
    const y = b[at];
    if (y === undefined) return -1;
    if (x.index !== y.index) return y.index - x.index;
    if (rank(x) !== rank(y)) return rank(y) - rank(x);
    if (x.value !== y.value) return x.value < y.value === (rank(x) === 2) ? -1 : 1;
  }
  return a.length - b.length;
}

/** What happens to one system call: the first entry whose conditions hold decides, else the profile's default. */
export type Decision = readonly ConditionalAction[];

/** All comparisons by name. */
export const SECCOMP_OPERATORS: readonly SeccompOperator[] = [
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_LE",
  "SCMP_CMP_LT",
  "SCMP_CMP_MASKED_EQ",
  "SCMP_CMP_NE",
];

const MASKS = { 32: 0xffff_ffffn, 64: 0xffff_ffff_ffff_ffffn } as const;

function toBits(value: number | bigint, cause: string): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new GantryError("invalid-argument", `${cause} must be an integer, not ${value}`, {
      hint: "beyond 2^53 only an exact integer can be compared",
    });
  }
  const bits = BigInt(value);
  if (bits < 0n || bits > MASKS[64])
    throw new GantryError("invalid-argument", `${cause} is outside of 64 bits: ${bits}`);
  return bits;
}

function parseCondition(argument: SeccompArgument, name: string, argumentBits: 32 | 64, cause: string): Condition {
  const { index } = argument;
  if (!Number.isInteger(index) || index < 0 || index > 5) {
    throw new GantryError("invalid-argument", `${cause}.index must be from 0 to 5, not ${index}`);
  }
  const first = toBits(argument.value, `${cause}.value`);
  const second = toBits(argument.valueTwo ?? 0, `${cause}.valueTwo`);
  const isMasked = argument.op === "SCMP_CMP_MASKED_EQ";
  // A rule that speaks of the high half of a narrow argument is left as it is written.
  const fits = first <= MASKS[32] && second <= MASKS[32];
  const bits = argumentBits === 32 || (fits && isNarrowArgument(name, index)) ? 32 : 64;
  const mask = MASKS[bits];
  const compare = (op: Condition["op"], isNegated: boolean): Condition => ({
    index,
    op,
    isNegated,
    mask: isMasked ? first & mask : mask,
    value: (isMasked ? second & first : first) & mask,
    bits,
  });
  switch (argument.op) {
    case "SCMP_CMP_EQ":
    case "SCMP_CMP_MASKED_EQ":
      return compare("eq", false);
    case "SCMP_CMP_NE":
      return compare("eq", true);
    case "SCMP_CMP_GT":
      return compare("gt", false);
    case "SCMP_CMP_LE":
      return compare("gt", true);
    case "SCMP_CMP_GE":
      return compare("ge", false);
    case "SCMP_CMP_LT":
      return compare("ge", true);
    default:
      throw new GantryError("invalid-argument", `${cause}.op is unknown: ${JSON.stringify(argument.op)}`);
  }
}

/**
 * The alternatives that a rule's conditions stand for. Conditions on different arguments must all hold; as soon as two
 * are on one argument, any one of all suffices: runc's behaviour since the first profiles, which rely on it.
 */
function alternatives(conditions: readonly Condition[]): readonly (readonly Condition[])[] {
  const indexes = new Set(conditions.map(({ index }) => index));
  if (indexes.size < conditions.length) return conditions.map((condition) => [condition]);
  return [conditions.toSorted((a, b) => a.index - b.index)];
}

/**
 * The call through which 32-bit x86 can make one that a rule is about, with the condition that it is that one; undefined
 * where there is none. The arguments are behind a pointer, where no filter can look: to let all through because some are
 * allowed would undo the rule; to forbid all because some are forbidden keeps it.
 */
function throughMultiplexer(
  rule: SeccompRule,
  name: string,
  architecture: SeccompArchitecture,
): { readonly number: number; readonly condition: Condition } | undefined {
  if (architecture.column !== "x86") return undefined;
  const multiplexer = findMultiplexer(name);
  const number = multiplexer && syscallNumber(architecture, multiplexer.through);
  if (multiplexer === undefined || number === undefined) return undefined;
  if ((rule.args ?? []).length > 0 && isPermissive(rule.action)) return undefined;
  const { mask, number: which } = multiplexer;
  return { number, condition: { index: 0, op: "eq", isNegated: false, mask, value: BigInt(which), bits: 32 } };
}

const UNCONDITIONAL: readonly (readonly Condition[])[] = [[]];

/**
 * What a profile says about each system call of an architecture, by number; calls that it does not name are absent.
 *
 * A rule without conditions decides its call whatever the others say, the first of several; otherwise see
 * `compareConditions`. Names that the architecture does not have are passed over, and so are rules that repeat the
 * default (as in runc and libseccomp).
 *
 * @throws `invalid-argument` naming the place in the specification.
 */
export function decideSyscalls(profile: Seccomp, architecture: SeccompArchitecture): ReadonlyMap<number, Decision> {
  const fallback = encodeAction(profile.defaultAction, profile.defaultErrnoRet, "linux.seccomp.defaultAction");
  const decisions = new Map<number, ConditionalAction[]>();
  const decide = (number: number, conditions: readonly Condition[], action: number): void => {
    const entries = decisions.get(number);
    if (entries?.[0]?.conditions.length === 0) return;
    if (entries === undefined || conditions.length === 0) decisions.set(number, [{ conditions, action }]);
    else entries.push({ conditions, action });
  };
  for (const [ruleIndex, rule] of (profile.syscalls ?? []).entries()) {
    const cause = `linux.seccomp.syscalls[${ruleIndex}]`;
    const action = encodeAction(rule.action, rule.errnoRet, cause);
    const args = rule.args ?? [];
    for (const name of rule.names) {
      const conditions = args.map((argument, index) =>
        parseCondition(argument, name, architecture.argumentBits, `${cause}.args[${index}]`),
      );
      if (action === fallback) continue;
      const own = syscallNumber(architecture, name);
      const wanted = conditions.length === 0 ? UNCONDITIONAL : alternatives(conditions);
      if (own !== undefined) for (const all of wanted) decide(own, all, action);
      const through = throughMultiplexer(rule, name, architecture);
      if (through !== undefined) decide(through.number, [through.condition], action);
    }
  }
  for (const entries of decisions.values())
    if (entries.length > 1) entries.sort((a, b) => compareConditions(a.conditions, b.conditions));
  return decisions;
}

/**
 * The highest number of a call that the profile names on an architecture, or undefined when it names none, or only the
 * one with number 0 (as in runc).
 */
export function lastNamedSyscall(profile: Seccomp, architecture: SeccompArchitecture): number | undefined {
  let last: number | undefined;
  for (const rule of profile.syscalls ?? []) {
    for (const name of rule.names) {
      const number = syscallNumber(architecture, name);
      if (number !== undefined && number > (last ?? 0)) last = number;
    }
  }
  return last;
}
