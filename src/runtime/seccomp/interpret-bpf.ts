import { BPF } from "./bpf-writer.ts";

/** What the kernel shows a seccomp filter of one system call. */
export interface SyscallData {
  readonly number: number;
  /** The audit value of the calling convention. */
  readonly architecture: number;
  /** Up to six; absent ones are 0. */
  readonly args?: readonly bigint[];
}

/** `struct seccomp_data` in little-endian order. */
export function encodeSyscallData(data: SyscallData): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.number >>> 0, true);
  view.setUint32(4, data.architecture >>> 0, true);
  for (const [index, value] of (data.args ?? []).slice(0, 6).entries()) view.setBigUint64(16 + 8 * index, value, true);
  return bytes;
}

/**
 * Runs a classic BPF program over `data` and gives what it returns; for tests, in place of the kernel. Takes what the
 * kernel's checker takes of the instructions that seccomp filters here are made of.
 *
 * @throws RangeError for what the kernel would refuse: an unknown instruction, a jump or a load outside of its bounds.
 */
export function interpretBpf(program: Uint8Array, data: Uint8Array): number {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const memory = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let accumulator = 0;
  // Jumps go forward only, so this ends.
  for (let at = 0; at + 8 <= program.byteLength; at += 8) {
    const opcode = code.getUint16(at, true);
    const k = code.getUint32(at + 4, true);
    const branch = (holds: boolean): number => 8 * code.getUint8(at + (holds ? 2 : 3));
    switch (opcode) {
      case BPF.loadWord:
        if (k % 4 !== 0) throw new RangeError(`load from ${k}, which is not aligned`);
        accumulator = memory.getUint32(k, true);
        break;
      case BPF.and:
        accumulator = (accumulator & k) >>> 0;
        break;
      case BPF.jump:
        at += 8 * k;
        break;
      case BPF.jumpEqual:
        at += branch(accumulator === k);
        break;
      case BPF.jumpGreater:
        at += branch(accumulator > k);
        break;
      case BPF.jumpGreaterEqual:
        at += branch(accumulator >= k);
        break;
      case BPF.jumpSet:
        at += branch((accumulator & k) !== 0);
        break;
      case BPF.return:
        return k;
      default:
        throw new RangeError(`unknown instruction 0x${opcode.toString(16)} at ${at / 8}`);
    }
  }
  throw new RangeError("the program does not return");
}
