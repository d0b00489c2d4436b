import type { DeviceException, DeviceFilter } from "./device-filter.ts";

/**
 * Encodes eBPF instructions (kernel: include/uapi/linux/bpf.h, Documentation/bpf/standardization/instruction-set.rst):
 * each is 8 bytes: opcode, registers (source in the high half), 16-bit offset, 32-bit immediate.
 */
class Assembler {
  readonly #instructions: { opcode: number; registers: number; offset: number; immediate: number }[] = [];

  get length(): number {
    return this.#instructions.length;
  }

  add(opcode: number, fields: { dst?: number; src?: number; offset?: number; immediate?: number } = {}): void {
    this.#instructions.push({
      opcode,
      registers: (fields.dst ?? 0) | ((fields.src ?? 0) << 4),
      offset: fields.offset ?? 0,
      immediate: fields.immediate ?? 0,
    });
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#instructions.length * 8);
    const view = new DataView(bytes.buffer);
    for (const [index, { opcode, registers, offset, immediate }] of this.#instructions.entries()) {
      view.setUint8(index * 8, opcode);
      view.setUint8(index * 8 + 1, registers);
      view.setInt16(index * 8 + 2, offset, true);
      view.setInt32(index * 8 + 4, immediate | 0, true);
    }
    return bytes;
  }
}

const LOAD_WORD = 0x61; // LDX | MEM | W
const MOVE_32 = 0xbc; // ALU | MOV | X
const MOVE_32_IMMEDIATE = 0xb4;
const MOVE_64_IMMEDIATE = 0xb7;
const AND_32_IMMEDIATE = 0x54;
const SHIFT_RIGHT_32 = 0x74;
const JUMP_32_NOT_EQUAL = 0x56; // JMP32 | JNE | K: compares as 32 bits, so minor numbers above 2^31 are not sign-extended
const JUMP_32_NOT_EQUAL_REGISTER = 0x5e;
const JUMP_32_EQUAL = 0x16;
const EXIT = 0x95;

/** Registers: the context comes in 1; what is loaded from it stays in the others. */
const CONTEXT = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;
const SCRATCH = 6;

const TYPE_NUMBERS = { b: 1, c: 2 } as const;
/** BPF_DEVCG_ACC_MKNOD, _READ, _WRITE. */
const ACCESS_BITS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };

function accessMask(access: string): number {
  return [...access].reduce((mask, letter) => mask | (ACCESS_BITS[letter] ?? 0), 0);
}

/** How many instructions test an exception, its verdict of two included: a failing test jumps over the rest. */
function testsOf(exception: DeviceException, defaultAllow: boolean): ((assembler: Assembler, skip: number) => void)[] {
  const tests: ((assembler: Assembler, skip: number) => void)[] = [];
  const mask = accessMask(exception.access);
  tests.push((out, skip) =>
    out.add(JUMP_32_NOT_EQUAL, { dst: TYPE, immediate: TYPE_NUMBERS[exception.type], offset: skip }),
  );
  if (mask !== 7) {
    tests.push((out) => out.add(MOVE_32, { dst: SCRATCH, src: ACCESS }));
    tests.push((out) => out.add(AND_32_IMMEDIATE, { dst: SCRATCH, immediate: mask }));
    // Denied: any part of the access. Allowed: nothing of it may lie outside of the mask.
    tests.push((out, skip) =>
      defaultAllow
        ? out.add(JUMP_32_EQUAL, { dst: SCRATCH, immediate: 0, offset: skip })
        : out.add(JUMP_32_NOT_EQUAL_REGISTER, { dst: SCRATCH, src: ACCESS, offset: skip }),
    );
  }
  for (const [register, number] of [
    [MAJOR, exception.major],
    [MINOR, exception.minor],
  ] as const) {
    if (number === undefined) continue;
    tests.push((out, skip) => out.add(JUMP_32_NOT_EQUAL, { dst: register, immediate: number, offset: skip }));
  }
  return tests;
}

/**
 * Compiles a device filter to an eBPF program of type `cgroup_device` (`struct bpf_insn[]`), which returns 1 to allow.
 *
 * Its context is `struct bpf_cgroup_dev_ctx`: `access_type` (kind in the low, access in the high half), major, minor.
 */
export function encodeDeviceProgram(filter: DeviceFilter): Uint8Array {
  const out = new Assembler();
  out.add(LOAD_WORD, { dst: TYPE, src: CONTEXT, offset: 0 });
  out.add(MOVE_32, { dst: ACCESS, src: TYPE });
  out.add(AND_32_IMMEDIATE, { dst: TYPE, immediate: 0xffff });
  out.add(SHIFT_RIGHT_32, { dst: ACCESS, immediate: 16 });
  out.add(LOAD_WORD, { dst: MAJOR, src: CONTEXT, offset: 4 });
  out.add(LOAD_WORD, { dst: MINOR, src: CONTEXT, offset: 8 });
  for (const exception of filter.exceptions) {
    const tests = testsOf(exception, filter.defaultAllow);
    for (const [index, test] of tests.entries()) test(out, tests.length - 1 - index + 2);
    out.add(MOVE_64_IMMEDIATE, { dst: 0, immediate: filter.defaultAllow ? 0 : 1 });
    out.add(EXIT);
  }
  out.add(MOVE_32_IMMEDIATE, { dst: 0, immediate: filter.defaultAllow ? 1 : 0 });
  out.add(EXIT);
  return out.bytes();
}
