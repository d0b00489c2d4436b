import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Seccomp, SeccompAction, SeccompArgument, SeccompRule } from "../../src/oci/runtime-spec.ts";
import { compileSeccomp } from "../../src/runtime/seccomp/compile-seccomp.ts";
import { encodeAction } from "../../src/runtime/seccomp/seccomp-action.ts";
import {
  findArchitecture,
  type SeccompArchitecture,
  syscallNumber,
} from "../../src/runtime/seccomp/seccomp-architecture.ts";
import { SYSCALL_COLUMNS, SYSCALL_NUMBERS } from "../../src/runtime/seccomp/syscall-table.ts";

export interface Call {
  readonly architectures: readonly string[];
  readonly names: readonly string[];
  /** Each value to try, for each argument. */
  readonly args: readonly (readonly bigint[])[];
  readonly expected: number;
  readonly text: string;
}

export interface Case {
  readonly name: string;
  readonly defaults: Pick<Seccomp, "defaultAction" | "defaultErrnoRet">;
  readonly architectures?: readonly string[];
  readonly rules: Record<32 | 64, SeccompRule[]>;
  readonly calls: Call[];
}

const GROUPS: Readonly<Record<string, string>> = {
  all: SYSCALL_COLUMNS.join(","),
  "not-x32": SYSCALL_COLUMNS.filter((name) => name !== "x32").join(","),
};
const OPERATORS: Readonly<Record<string, SeccompArgument["op"]>> = {
  "==": "SCMP_CMP_EQ",
  "!=": "SCMP_CMP_NE",
  "<": "SCMP_CMP_LT",
  "<=": "SCMP_CMP_LE",
  ">": "SCMP_CMP_GT",
  ">=": "SCMP_CMP_GE",
};

function parseArchitectures(text: string): readonly string[] {
  return (GROUPS[text] ?? text).split(",");
}

export function architecture(column: string): SeccompArchitecture {
  const found = findArchitecture(`SCMP_ARCH_${column.toUpperCase()}`);
  if (found === undefined) throw new Error(`no such architecture: ${column}`);
  return found;
}

function parseAction(text: string): { readonly action: SeccompAction; readonly errnoRet?: number } {
  const [, name, data] = /^(\w+?)(?:\((\d+)\))?$/.exec(text) ?? [];
  return { action: `SCMP_ACT_${name}` as SeccompAction, ...(data !== undefined && { errnoRet: Number(data) }) };
}

/** One argument; `from..to` gives several. */
function parseCondition(text: string): readonly SeccompArgument[] {
  const masked = /^(\d)&(\w+)==(\w+)$/.exec(text);
  if (masked !== null) {
    const [, index, mask = "", value = ""] = masked;
    return [{ index: Number(index), value: BigInt(mask), valueTwo: BigInt(value), op: "SCMP_CMP_MASKED_EQ" }];
  }
  const [, index, op = "", from = "", to = from] = /^(\d)([=!<>]+)(\w+)(?:\.\.(\w+))?$/.exec(text) ?? [];
  return range(from, to).map((value) => ({ index: Number(index), value, op: OPERATORS[op] ?? "SCMP_CMP_EQ" }));
}

function range(from: string, to: string): readonly bigint[] {
  return Array.from({ length: Number(BigInt(to) - BigInt(from)) + 1 }, (_, index) => BigInt(from) + BigInt(index));
}

function parseRange(text: string): readonly bigint[] {
  const [from = "", to = from] = text.split("-");
  return range(from, to);
}

export function combine<Item>(lists: readonly (readonly Item[])[]): readonly (readonly Item[])[] {
  return lists.reduce<readonly (readonly Item[])[]>(
    (done, list) => done.flatMap((items) => list.map((item) => [...items, item])),
    [[]],
  );
}

function parseRules([action = "", names = "", ...conditions]: readonly string[]): readonly SeccompRule[] {
  return combine(conditions.map(parseCondition)).map((args) => ({
    names: names.split(","),
    ...parseAction(action),
    args,
  }));
}

function parseVectors(text: string): readonly Case[] {
  const cases: Case[] = [];
  for (const line of text.split("\n")) {
    const [kind = "", ...words] = line.split(" ");
    const last = cases.at(-1);
    if (kind === "case") {
      const [name = "", action = "", , on] = words;
      const { action: defaultAction, errnoRet } = parseAction(action);
      const defaults = { defaultAction, ...(errnoRet !== undefined && { defaultErrnoRet: errnoRet }) };
      cases.push({
        name,
        defaults,
        ...(on !== undefined && { architectures: parseArchitectures(on) }),
        rules: { 32: [], 64: [] },
        calls: [],
      });
    } else if (kind.startsWith("rule")) {
      for (const bits of [32, 64] as const)
        if (kind === "rule" || kind === `rule${bits}`) last?.rules[bits].push(...parseRules(words));
    } else if (kind === "call") {
      const [on = "", names = "", ...rest] = words;
      const { action, errnoRet } = parseAction(rest.pop() ?? "");
      last?.calls.push({
        architectures: parseArchitectures(on),
        names: /^\d/.test(names) ? parseRange(names).map(String) : names.split(","),
        args: rest.map(parseRange),
        expected: encodeAction(action, errnoRet, line),
        text: line,
      });
    }
  }
  return cases;
}

/**
 * The call with the highest number is named by a rule that changes nothing: so no call here is above all that are named,
 * which is where runc, on top of libseccomp, answers ENOSYS.
 */
function highest(on: SeccompArchitecture): string {
  const number = (name: string): number => syscallNumber(on, name) ?? -1;
  return Object.keys(SYSCALL_NUMBERS).reduce((best, name) => (number(name) > number(best) ? name : best));
}

export function program(from: Case, on: SeccompArchitecture): Uint8Array {
  const profile: Seccomp = {
    ...from.defaults,
    architectures: from.architectures?.map((name) => architecture(name).name) ?? [on.name],
    syscalls: [
      ...from.rules[on.argumentBits],
      {
        names: [highest(on)],
        action: from.defaults.defaultAction,
        errnoRet: from.defaults.defaultErrnoRet,
      } as SeccompRule,
    ].map((rule) =>
      rule.errnoRet === undefined ? { names: rule.names, action: rule.action, args: rule.args ?? [] } : rule,
    ),
  };
  const arch = on.column === "aarch64" || on.column === "arm" ? "aarch64" : "x86_64";
  return compileSeccomp(profile, { arch }).program;
}

/** The cases of `src/runtime/seccomp/libseccomp-vectors.txt`. */
export function readSeccompVectors(): readonly Case[] {
  const path = join(import.meta.dirname, "../../src/runtime/seccomp/libseccomp-vectors.txt");
  return parseVectors(readFileSync(path, "utf8"));
}
