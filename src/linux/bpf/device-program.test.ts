import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { DeviceCgroupRule } from "../../oci/runtime-spec.ts";
import { allowsDevice, normalizeDeviceRules } from "./device-filter.ts";
import { encodeDeviceProgram } from "./device-program.ts";

/** Runs the few eBPF instructions that device programs are made of; the context is three words. */
function interpret(program: Uint8Array, context: readonly number[]): number {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const registers = new Array<number>(11).fill(0);
  const get = (register: number): number => registers[register] ?? 0;
  for (let at = 0; at < program.byteLength; at += 8) {
    const opcode = code.getUint8(at);
    const dst = code.getUint8(at + 1) & 15;
    const src = code.getUint8(at + 1) >> 4;
    const jump = 8 * code.getInt16(at + 2, true);
    const immediate = code.getInt32(at + 4, true);
    if (opcode === 0x95) return get(0);
    if (opcode === 0x61) registers[dst] = context[jump / 8 / 4] ?? 0;
    else if (opcode === 0xbc) registers[dst] = get(src) >>> 0;
    else if (opcode === 0xb4 || opcode === 0xb7) registers[dst] = immediate;
    else if (opcode === 0x54) registers[dst] = (get(dst) & immediate) >>> 0;
    else if (opcode === 0x74) registers[dst] = get(dst) >>> immediate;
    else if (opcode === 0x56) at += get(dst) === immediate >>> 0 ? 0 : jump;
    else if (opcode === 0x5e) at += get(dst) === get(src) ? 0 : jump;
    else if (opcode === 0x16) at += get(dst) === immediate >>> 0 ? jump : 0;
    else throw new Error(`unknown instruction ${opcode}`);
  }
  throw new Error("the program does not end");
}

const KINDS = { b: 1, c: 2 } as const;
const BITS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const number = fc.constantFrom(0, 1, 5, 255, 0xffff_fffe);
const access = fc.subarray(["r", "w", "m"], { minLength: 1 }).map((letters) => letters.join(""));
const rule: fc.Arbitrary<DeviceCgroupRule> = fc
  .record({
    allow: fc.boolean(),
    type: fc.constantFrom("a" as const, "b" as const, "c" as const),
    major: fc.option(number, { nil: -1 }),
    minor: fc.option(number, { nil: -1 }),
    access,
  })
  .map((each) => ({ ...each }));

describe("device filters", () => {
  test("the program decides as the rules' normal form does", () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 8 }),
        fc.constantFrom("b" as const, "c" as const),
        number,
        number,
        access,
        (rules, type, major, minor, wanted) => {
          const filter = normalizeDeviceRules(rules);
          const bits = [...wanted].reduce((mask, letter) => mask | (BITS[letter] ?? 0), 0);
          const verdict = interpret(encodeDeviceProgram(filter), [KINDS[type] | (bits << 16), major, minor]);
          expect(verdict === 1).toBe(allowsDevice(filter, { type, major, minor }, wanted));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a later rule adds to, takes from or resets what came before", () => {
    const deny: DeviceCgroupRule = { allow: false, access: "rwm" };
    const nullRead: DeviceCgroupRule = { allow: true, type: "c", major: 1, minor: 3, access: "r" };
    expect(normalizeDeviceRules([deny, nullRead, { ...nullRead, access: "wm" }])).toEqual({
      defaultAllow: false,
      exceptions: [{ type: "c", major: 1, minor: 3, access: "rwm" }],
    });
    expect(normalizeDeviceRules([deny, nullRead, { ...nullRead, allow: false }]).exceptions).toEqual([]);
    expect(normalizeDeviceRules([deny, nullRead, { allow: true }])).toEqual({ defaultAllow: true, exceptions: [] });
  });
});
