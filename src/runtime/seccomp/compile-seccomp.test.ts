import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Seccomp, SeccompArgument, SeccompRule } from "../../oci/runtime-spec.ts";
import { MAX_INSTRUCTIONS } from "./bpf-writer.ts";
import { compileSeccomp } from "./compile-seccomp.ts";
import { defaultSeccompProfile } from "./default-seccomp-profile.ts";
import { encodeSyscallData, interpretBpf } from "./interpret-bpf.ts";

const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;
const KILL_PROCESS = 0x80000000;
const ENOSYS = ERRNO + 38;
const EPERM = ERRNO + 1;
const X86_64 = 0xc000003e;
const X86 = 0x40000003;
const AARCH64 = 0xc00000b7;
const X32 = 0x40000000;

const DEFAULT = defaultSeccompProfile({ capabilities: ["CAP_CHOWN"], arch: "x86_64" });

function run(profile: Seccomp, number: number, args: readonly bigint[] = [], architecture = X86_64): number {
  const { program } = compileSeccomp(profile, { arch: architecture === AARCH64 ? "aarch64" : "x86_64" });
  return interpretBpf(program, encodeSyscallData({ number, architecture, args }));
}

function deny(...syscalls: SeccompRule[]): Seccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64"], syscalls };
}

describe("Docker's default profile", () => {
  const cases: readonly (readonly [string, number, readonly bigint[], number])[] = [
    ["read", 0, [], ALLOW],
    ["mount", 165, [], EPERM],
    ["clone of a thread", 56, [0x3d0f00n], ALLOW],
    ["clone into a new user namespace", 56, [0x10000000n], EPERM],
    ["clone into one, with bits above that nobody reads", 56, [0x1_1000_0000n], EPERM],
    ["clone3, so that libc falls back to clone", 435, [], ENOSYS],
    ["unshare", 272, [], EPERM],
    ["keyctl", 250, [], EPERM],
    ["io_uring_setup", 425, [], EPERM],
    ["bpf", 321, [], EPERM],
    ["socket(AF_INET)", 41, [2n], ALLOW],
    ["socket(AF_ALG)", 41, [38n], EPERM],
    ["socket(AF_VSOCK)", 41, [40n], EPERM],
    ["socket(39)", 41, [39n], ALLOW],
    ["personality(PER_LINUX32)", 135, [8n], ALLOW],
    ["personality(ADDR_NO_RANDOMIZE)", 135, [0x40000n], EPERM],
    ["personality query, sign-extended by libc", 135, [0xffff_ffff_ffff_ffffn], ALLOW],
    ["a call from the future", 480, [], ENOSYS],
    ["no call, by which a tracer skips one", 0xffffffff, [], ENOSYS],
  ];
  test.each(cases.map((each) => [...each]))("%s", (_, number, args, expected) => {
    expect(run(DEFAULT, number as number, args as bigint[])).toBe(expected as number);
  });

  test("CVE-2019-10063's way round: high bits of an int do not hide AF_ALG", () => {
    expect(run(DEFAULT, 41, [(1n << 32n) | 38n])).toBe(EPERM);
    expect(run(DEFAULT, 41, [(0xffff_ffffn << 32n) | 40n])).toBe(EPERM);
    expect(run(DEFAULT, 41, [(1n << 32n) | 2n])).toBe(ALLOW);
  });

  test("a capability opens its calls", () => {
    const profile = defaultSeccompProfile({ capabilities: ["CAP_SYS_ADMIN"], arch: "x86_64" });
    expect([165, 272, 435].map((number) => run(profile, number))).toEqual([ALLOW, ALLOW, ALLOW]);
    expect(run(profile, 56, [0x10000000n])).toBe(ALLOW);
    expect(run(profile, 169)).toBe(EPERM);
  });

  test("ptrace waits for a kernel whose filters look again after the tracer", () => {
    const old = defaultSeccompProfile({ capabilities: [], arch: "x86_64", kernelVersion: "4.4.0-generic" });
    expect([run(old, 101), run(DEFAULT, 101)]).toEqual([EPERM, ALLOW]);
  });

  test("32-bit x86 and x32 have numbers of their own", () => {
    expect(run(DEFAULT, 21, [], X86)).toBe(EPERM); // mount
    expect(run(DEFAULT, 3, [], X86)).toBe(ALLOW); // read
    expect(run(DEFAULT, 165, [], X86)).toBe(ALLOW); // getresuid, not mount
    expect(run(DEFAULT, X32 + 0)).toBe(ALLOW);
    expect(run(DEFAULT, X32 + 165)).toBe(EPERM);
    expect(run(DEFAULT, X32 + 520)).toBe(ALLOW); // execve
    expect(run(DEFAULT, 520)).toBe(ENOSYS);
  });

  test("aarch64", () => {
    const profile = defaultSeccompProfile({ capabilities: [], arch: "aarch64" });
    expect(run(profile, 63, [], AARCH64)).toBe(ALLOW); // read
    expect(run(profile, 40, [], AARCH64)).toBe(EPERM); // mount
    expect(run(profile, 198, [38n], AARCH64)).toBe(EPERM); // socket(AF_ALG)
    expect(run(profile, 3, [], 0x40000028)).toBe(ALLOW); // read of 32-bit ARM
  });

  test("a calling convention without rules kills", () => {
    expect(run(DEFAULT, 0, [], 0x1234)).toBe(KILL_PROCESS);
    expect(run({ ...DEFAULT, architectures: [] }, 3, [], X86)).toBe(KILL_PROCESS);
    expect(run({ ...DEFAULT, architectures: [] }, X32)).toBe(KILL_PROCESS);
    expect(run({ ...DEFAULT, architectures: [] }, 0xffffffff)).toBe(ENOSYS);
  });
});

describe("compileSeccomp", () => {
  test("every operator compares all 64 bits", () => {
    const big = 0x1_0000_0005n;
    const compare = (op: SeccompArgument["op"], argument: bigint, value = big, valueTwo = 0n): boolean =>
      run(deny({ names: ["read"], action: "SCMP_ACT_ALLOW", args: [{ index: 2, op, value, valueTwo }] }), 0, [
        0n,
        0n,
        argument,
      ]) === ALLOW;
    const around = [5n, 0x2_0000_0000n, big - 1n, big, big + 1n, 0xffff_ffff_ffff_ffffn];
    expect(around.map((each) => compare("SCMP_CMP_EQ", each))).toEqual(around.map((each) => each === big));
    expect(around.map((each) => compare("SCMP_CMP_NE", each))).toEqual(around.map((each) => each !== big));
    expect(around.map((each) => compare("SCMP_CMP_LT", each))).toEqual(around.map((each) => each < big));
    expect(around.map((each) => compare("SCMP_CMP_LE", each))).toEqual(around.map((each) => each <= big));
    expect(around.map((each) => compare("SCMP_CMP_GT", each))).toEqual(around.map((each) => each > big));
    expect(around.map((each) => compare("SCMP_CMP_GE", each))).toEqual(around.map((each) => each >= big));
    expect(compare("SCMP_CMP_MASKED_EQ", 0x7_0000_0002n, 0x3_0000_0002n, 0x3_0000_0002n)).toBe(true);
    expect(compare("SCMP_CMP_MASKED_EQ", 0x5_0000_0002n, 0x3_0000_0002n, 0x3_0000_0002n)).toBe(false);
  });

  test("conditions on different arguments must all hold, several on one argument any", () => {
    const both = deny({
      names: ["read"],
      action: "SCMP_ACT_ALLOW",
      args: [
        { index: 0, value: 1, op: "SCMP_CMP_EQ" },
        { index: 1, value: 2, op: "SCMP_CMP_EQ" },
      ],
    });
    expect([run(both, 0, [1n, 2n]), run(both, 0, [1n, 3n])]).toEqual([ALLOW, EPERM]);
    const any = deny({
      names: ["read"],
      action: "SCMP_ACT_ALLOW",
      args: [
        { index: 0, value: 1, op: "SCMP_CMP_EQ" },
        { index: 0, value: 2, op: "SCMP_CMP_EQ" },
      ],
    });
    expect([1n, 2n, 3n].map((value) => run(any, 0, [value]))).toEqual([ALLOW, ALLOW, EPERM]);
  });

  test("a rule without conditions decides, wherever it stands", () => {
    const conditional: SeccompRule = {
      names: ["read"],
      action: "SCMP_ACT_KILL_PROCESS",
      args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
    };
    const plain: SeccompRule = { names: ["read"], action: "SCMP_ACT_ALLOW" };
    expect(run(deny(conditional, plain), 0, [1n])).toBe(ALLOW);
    expect(run(deny(plain, conditional), 0, [1n])).toBe(ALLOW);
  });

  test("socketcall on 32-bit x86: a plain rule reaches through, a conditional permission does not, a denial does", () => {
    const profile = (rule: SeccompRule, defaultAction: Seccomp["defaultAction"]): Seccomp => ({
      defaultAction,
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [rule],
    });
    const family: SeccompArgument = { index: 0, value: 2, op: "SCMP_CMP_EQ" };
    const allow = profile({ names: ["socket"], action: "SCMP_ACT_ALLOW" }, "SCMP_ACT_ERRNO");
    expect([1n, 2n].map((call) => run(allow, 102, [call], X86))).toEqual([ALLOW, EPERM]);
    const some = profile({ names: ["socket"], action: "SCMP_ACT_ALLOW", args: [family] }, "SCMP_ACT_ERRNO");
    expect(run(some, 102, [1n], X86)).not.toBe(ALLOW);
    expect(run(some, 359, [2n], X86)).toBe(ALLOW);
    const forbid = profile({ names: ["socket"], action: "SCMP_ACT_ERRNO", args: [family] }, "SCMP_ACT_ALLOW");
    expect(run(forbid, 102, [1n], X86)).toBe(EPERM);
    const shm = profile({ names: ["shmget"], action: "SCMP_ACT_ERRNO" }, "SCMP_ACT_ALLOW");
    expect(run(shm, 117, [0x1_0017n], X86)).toBe(EPERM);
  });

  test("unknown names are passed over, also such as every object has", () => {
    expect(run(deny({ names: ["no_such_call", "__proto__", "constructor"], action: "SCMP_ACT_ALLOW" }), 0)).toBe(EPERM);
  });

  test("actions carry their data, and the ones of seccomp.h their values", () => {
    const only = (action: SeccompRule["action"], errnoRet?: number): number =>
      run(
        {
          defaultAction: "SCMP_ACT_LOG",
          listenerPath: "/run/agent.sock",
          syscalls: [{ names: ["read"], action, ...(errnoRet !== undefined && { errnoRet }) }],
        },
        0,
      );
    expect(only("SCMP_ACT_ERRNO", 22)).toBe(ERRNO + 22);
    expect(only("SCMP_ACT_TRACE", 7)).toBe(0x7ff00007);
    expect(only("SCMP_ACT_TRAP")).toBe(0x00030000);
    expect(only("SCMP_ACT_KILL")).toBe(0);
    expect(only("SCMP_ACT_NOTIFY")).toBe(0x7fc00000);
  });

  test("flags are those of seccomp(2)", () => {
    const flags = (profile: Partial<Seccomp>): number =>
      compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW", ...profile }, { arch: "x86_64" }).flags;
    expect(flags({ flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"] })).toBe(2);
    expect(flags({ flags: ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"] })).toBe(4);
    const notify: Partial<Seccomp> = { syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }], flags: [] };
    expect(flags({ ...notify, listenerPath: "/run/agent.sock" })).toBe(8);
    expect(() => flags(notify)).toThrow("linux.seccomp.listenerPath is not set");
    expect(() => flags({ flags: ["SECCOMP_FILTER_FLAG_X"] })).toThrow("unknown flag");
    expect(() => flags({ syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] })).toThrow("SCMP_ACT_NOTIFY");
  });

  test("null, as Go writes an empty list, is none", () => {
    const rule = { names: ["read"], action: "SCMP_ACT_ALLOW", args: null } as unknown as SeccompRule;
    expect(run({ ...deny(rule), flags: null } as unknown as Seccomp, 0)).toBe(ALLOW);
  });

  test("bad values are refused with their place", () => {
    const rule =
      (args: SeccompArgument): (() => unknown) =>
      () =>
        run(deny({ names: ["read"], action: "SCMP_ACT_ALLOW", args: [args] }), 0);
    expect(rule({ index: 6, value: 0, op: "SCMP_CMP_EQ" })).toThrow("linux.seccomp.syscalls[0].args[0].index");
    expect(rule({ index: 0, value: 2 ** 60, op: "SCMP_CMP_EQ" })).toThrow("args[0].value must be an integer");
    expect(rule({ index: 0, value: 1n << 64n, op: "SCMP_CMP_EQ" })).toThrow("outside of 64 bits");
    expect(() => run(deny({ names: [], action: "SCMP_ACT_ALLOW", errnoRet: 1 }), 0)).toThrow("takes no errnoRet");
  });

  test("a profile that the kernel could not take is refused, not cut", () => {
    const args = Array.from({ length: 2000 }, (_, value): SeccompArgument => ({ index: 0, value, op: "SCMP_CMP_EQ" }));
    expect(() => run(deny({ names: ["read"], action: "SCMP_ACT_ALLOW", args }), 0)).toThrow(String(MAX_INSTRUCTIONS));
  });

  test("jumps beyond 255 instructions arrive", () => {
    const names = ["read", "write", "open", "close", "stat", "fstat", "lstat", "poll"];
    const rules = names.map(
      (name, at): SeccompRule => ({
        names: [name],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 100 + at,
        args: Array.from(
          { length: 60 },
          (_, value): SeccompArgument => ({ index: 3, value: value * 7, op: "SCMP_CMP_EQ" }),
        ),
      }),
    );
    const profile: Seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: rules };
    for (const [number] of names.entries()) {
      for (const value of [0n, 7n, 413n, 414n]) {
        const expected = value === 414n ? ALLOW : ERRNO + 100 + number;
        expect(run(profile, number, [0n, 0n, 0n, value])).toBe(expected);
      }
    }
  });
});

describe("property: the program does what the rules say", () => {
  const NAMES: Readonly<Record<string, number>> = {
    read: 0,
    lseek: 8,
    mmap: 9,
    brk: 12,
    getpid: 39,
    exit: 60,
    gettid: 186,
  };
  const value = fc.oneof(
    fc.bigInt({ min: 0n, max: 8n }),
    fc.bigInt({ min: 0xffff_fffen, max: 0x1_0000_0002n }),
    fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  );
  const argument: fc.Arbitrary<SeccompArgument> = fc.record({
    index: fc.nat(5),
    value,
    valueTwo: value,
    op: fc.constantFrom(
      "SCMP_CMP_NE",
      "SCMP_CMP_LT",
      "SCMP_CMP_LE",
      "SCMP_CMP_EQ",
      "SCMP_CMP_GE",
      "SCMP_CMP_GT",
      "SCMP_CMP_MASKED_EQ",
    ),
  });
  const rule: fc.Arbitrary<SeccompRule> = fc.record({
    names: fc.uniqueArray(fc.constantFrom(...Object.keys(NAMES)), { minLength: 1, maxLength: 3 }),
    action: fc.constantFrom("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRAP", "SCMP_ACT_KILL_PROCESS"),
    args: fc.array(argument, { maxLength: 3 }),
  });
  const RETURNS = {
    SCMP_ACT_ALLOW: ALLOW,
    SCMP_ACT_LOG: 0x7ffc0000,
    SCMP_ACT_TRAP: 0x30000,
    SCMP_ACT_KILL_PROCESS: KILL_PROCESS,
  } as const;

  function holds({ index, op, value: a, valueTwo: b = 0n }: SeccompArgument, args: readonly bigint[]): boolean {
    const actual = args[index] ?? 0n;
    switch (op) {
      case "SCMP_CMP_NE":
        return actual !== a;
      case "SCMP_CMP_LT":
        return actual < a;
      case "SCMP_CMP_LE":
        return actual <= a;
      case "SCMP_CMP_EQ":
        return actual === a;
      case "SCMP_CMP_GE":
        return actual >= a;
      case "SCMP_CMP_GT":
        return actual > a;
      case "SCMP_CMP_MASKED_EQ":
        return (actual & BigInt(a)) === (BigInt(b) & BigInt(a));
    }
  }

  /** Of several rules that hold, the one whose text is the smallest decides: see `compareConditions`. */
  function place(conditions: readonly SeccompArgument[]): string {
    const word = (value: bigint): string => value.toString(16).padStart(16, "0");
    const all = 0xffff_ffff_ffff_ffffn;
    const one = ({ index, op, value: a, valueTwo: b = 0n }: SeccompArgument): string => {
      const first = String(5 - index);
      if (op === "SCMP_CMP_LT" || op === "SCMP_CMP_LE") return `${first}b${word(BigInt(a))}`;
      if (op === "SCMP_CMP_GT" || op === "SCMP_CMP_GE") return `${first}c${word(all - BigInt(a))}`;
      return `${first}a${word(all - (op === "SCMP_CMP_MASKED_EQ" ? BigInt(a) & BigInt(b) : BigInt(a)))}`;
    };
    const sorted = conditions.toSorted((x, y) => x.index - y.index);
    return `${sorted.map(one).join("")}z`;
  }

  /** All rules that hold, and the first of them, without any cleverness. */
  function evaluate(profile: Seccomp, name: string, args: readonly bigint[]): number {
    const rules = (profile.syscalls ?? []).filter((each) => each.names.includes(name));
    const live = rules.filter((each) => each.action !== profile.defaultAction);
    const alternatives = live.flatMap(({ action, args: conditions = [] }) => {
      const isRepeated = new Set(conditions.map(({ index }) => index)).size < conditions.length;
      return (isRepeated ? conditions.map((each) => [each]) : [conditions]).map((all) => ({ action, all }));
    });
    const found = alternatives
      .filter(({ all }) => all.every((each) => holds(each, args)))
      .map(({ action, all }) => ({ action, at: place(all) }))
      .toSorted((x, y) => (x.at < y.at ? -1 : x.at > y.at ? 1 : 0));
    const plain = alternatives.find(({ all }) => all.length === 0);
    return RETURNS[((plain ?? found[0])?.action ?? profile.defaultAction) as keyof typeof RETURNS];
  }

  test("for any rules, call and arguments", () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 8 }),
        fc.constantFrom("SCMP_ACT_ALLOW" as const, "SCMP_ACT_TRAP" as const),
        fc.array(
          fc.record({
            name: fc.constantFrom(...Object.keys(NAMES)),
            args: fc.array(value, { minLength: 6, maxLength: 6 }),
          }),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        (syscalls, defaultAction, calls) => {
          // `gettid` is named last so that no call tried here is above all named ones.
          const profile: Seccomp = {
            defaultAction,
            syscalls: [...syscalls, { names: ["gettid"], action: "SCMP_ACT_ALLOW" }],
          };
          const { program } = compileSeccomp(profile, { arch: "x86_64" });
          for (const { name, args } of calls) {
            const data = encodeSyscallData({ number: NAMES[name] ?? 0, architecture: X86_64, args });
            expect(interpretBpf(program, data)).toBe(evaluate(profile, name, args));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
