import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../../errors/gantry-error.ts";
import { parseSeccompProfile } from "./parse-seccomp-profile.ts";

const OPTIONS = { capabilities: ["CAP_SYS_ADMIN"], arch: "x86_64", kernelVersion: "6.1.0-13-amd64" } as const;

function names(rules: readonly object[]): readonly string[] {
  const json = JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: rules.map((rule) => ({ action: "SCMP_ACT_ALLOW", ...rule })),
  });
  return parseSeccompProfile(json, OPTIONS)?.syscalls?.flatMap((rule) => rule.names) ?? [];
}

describe("parseSeccompProfile", () => {
  test("takes the architecture map's part for this machine", () => {
    const archMap = [
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
      { architecture: "SCMP_ARCH_RISCV64", subArchitectures: null },
    ];
    const json = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", archMap });
    expect(parseSeccompProfile(json, OPTIONS)?.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    expect(parseSeccompProfile(json, { ...OPTIONS, arch: "aarch64" })?.architectures).toEqual([
      "SCMP_ARCH_AARCH64",
      "SCMP_ARCH_ARM",
    ]);
  });

  test("selects rules by capability, architecture and kernel", () => {
    expect(
      names([
        { names: ["a"], includes: { caps: ["CAP_SYS_ADMIN"] } },
        { names: ["b"], includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } },
        { names: ["c"], excludes: { caps: ["CAP_BPF", "CAP_SYS_ADMIN"] } },
        { names: ["d"], excludes: { caps: ["CAP_BPF"] } },
        { names: ["e"], includes: { arches: ["arm64"] } },
        { names: ["f"], includes: { arches: ["arm64", "amd64"] } },
        { names: ["g"], includes: { minKernel: "6.2" } },
        { names: ["h"], includes: { minKernel: "4.8" } },
        { names: ["i"], excludes: { minKernel: "6.1" } },
        { name: "j", args: null, includes: {}, excludes: {}, comment: "the old form of a rule" },
      ]),
    ).toEqual(["a", "d", "f", "h", "j"]);
  });

  test("keeps arguments beyond 2^53 exact", () => {
    const json =
      '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}';
    expect(parseSeccompProfile(json, OPTIONS)?.syscalls?.[0]?.args?.[0]?.value).toBe(0xffff_ffff_ffff_ffffn);
  });

  test("one that says nothing is no filter", () => {
    for (const json of [
      "{}",
      '{"defaultAction":"","syscalls":null}',
      '{"architectures":["SCMP_ARCH_X86_64"],"syscalls":[]}',
    ])
      expect(parseSeccompProfile(json, OPTIONS)).toBeUndefined();
    expect(() => parseSeccompProfile('{"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}', OPTIONS)).toThrow(
      "defaultAction must be one of",
    );
    expect(() => parseSeccompProfile("[]", OPTIONS)).toThrow("the profile must be an object");
  });

  test("keeps apart no list of flags and an empty one", () => {
    const flags = (text: string): unknown =>
      parseSeccompProfile(`{"defaultAction":"SCMP_ACT_ALLOW"${text}}`, OPTIONS)?.flags;
    expect([flags(""), flags(',"flags":null'), flags(',"flags":[]')]).toEqual([undefined, undefined, []]);
  });

  test("names every problem with its path", () => {
    const json = JSON.stringify({
      defaultAction: "ALLOW",
      architectures: ["SCMP_ARCH_X86_64"],
      archMap: [{ architecture: 7 }],
      syscalls: [
        { name: "a", names: ["b"], action: "SCMP_ACT_ALLOW", args: [{ index: -1, value: 0.5, op: "==" }] },
        "x",
      ],
    });
    const read = (): unknown => parseSeccompProfile(json, OPTIONS);
    for (const path of [
      "defaultAction must be one of",
      "architectures and archMap are both there",
      "archMap[0].architecture must be a string",
      "syscalls[0] has both name and names",
      "syscalls[0].args[0].index must be",
      "syscalls[0].args[0].value must be",
      "syscalls[0].args[0].op must be one of",
      "syscalls[1] must be an object",
    ]) {
      expect(read).toThrow(path);
    }
  });

  test("any text is either a profile or refused with a sentence", () => {
    const action = fc.constant("SCMP_ACT_ALLOW");
    const document = fc.record({ defaultAction: action, archMap: fc.jsonValue(), syscalls: fc.array(fc.jsonValue()) });
    const rule = fc.record({ names: fc.jsonValue(), action, args: fc.jsonValue(), includes: fc.jsonValue() });
    const withRule = fc.tuple(action, rule).map(([defaultAction, only]) => ({ defaultAction, syscalls: [only] }));
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      document.map((value) => JSON.stringify(value)),
      withRule.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (json) => {
        try {
          parseSeccompProfile(json, OPTIONS);
        } catch (error) {
          expect(isGantryError(error, "invalid-argument")).toBe(true);
        }
      }),
    );
  });
});
