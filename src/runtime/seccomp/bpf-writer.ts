/** Classic BPF as seccomp takes it (kernel: include/uapi/linux/bpf_common.h, Documentation/networking/filter.rst). */
export const BPF = {
  loadWord: 0x20, // LD | W | ABS
  jump: 0x05, // JMP | JA
  jumpEqual: 0x15,
  jumpGreater: 0x25,
  jumpGreaterEqual: 0x35,
  jumpSet: 0x45,
  and: 0x54, // ALU | AND | K
  return: 0x06, // RET | K
} as const;

/** The kernel's limit (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;

/** Where to go on: at an instruction, counted from the program's end, or by returning a value. */
export type Target = { readonly at: number } | { readonly returns: number };

interface Instruction {
  readonly code: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
  readonly k: number;
}

/** A conditional jump's offset has 8 bits; two are kept for the extra instructions that the other branch may need. */
const REACH = 253;

/**
 * Writes a BPF program from its end to its beginning. Jumps only go forward, so every target is known when a jump is
 * written, and one that is too far gets a long jump right behind it.
 */
export class BpfWriter {
  /** The last instruction first. */
  readonly #reversed: Instruction[] = [];
  readonly #returns = new Map<number, number>();

  /** The target of the instruction that was written last. */
  get here(): Target {
    return { at: this.#reversed.length };
  }

  get length(): number {
    return this.#reversed.length;
  }

  #put(instruction: Instruction): Target {
    this.#reversed.push(instruction);
    return this.here;
  }

  /** A place within reach that leads to `target`. */
  #near(target: Target): number {
    const known = "at" in target ? target.at : this.#returns.get(target.returns);
    if (known !== undefined && this.#reversed.length - known < REACH) return known;
    if ("returns" in target) {
      this.#put({ code: BPF.return, whenTrue: 0, whenFalse: 0, k: target.returns });
      this.#returns.set(target.returns, this.#reversed.length);
    } else {
      this.#put({ code: BPF.jump, whenTrue: 0, whenFalse: 0, k: this.#reversed.length - target.at });
    }
    return this.#reversed.length;
  }

  /** Makes `target` what comes next: nothing, if it is the instruction that was written last. */
  #next(target: Target): void {
    if ("at" in target && target.at === this.#reversed.length) return;
    if ("returns" in target) {
      this.#put({ code: BPF.return, whenTrue: 0, whenFalse: 0, k: target.returns });
      this.#returns.set(target.returns, this.#reversed.length);
    } else {
      this.#put({ code: BPF.jump, whenTrue: 0, whenFalse: 0, k: this.#reversed.length - target.at });
    }
  }

  /** Jumps by comparing the accumulator with `k`. */
  branch(code: number, k: number, to: { readonly whenTrue: Target; readonly whenFalse: Target }): Target {
    this.#near(to.whenFalse);
    const whenTrue = this.#near(to.whenTrue);
    // Again: the branch that was just served may have pushed the first one away.
    const whenFalse = this.#near(to.whenFalse);
    const length = this.#reversed.length;
    return this.#put({ code, whenTrue: length - whenTrue, whenFalse: length - whenFalse, k });
  }

  /** Loads a word of `struct seccomp_data` into the accumulator, then goes on at `next`. */
  load(offset: number, next: Target): Target {
    this.#next(next);
    return this.#put({ code: BPF.loadWord, whenTrue: 0, whenFalse: 0, k: offset });
  }

  /** Masks the accumulator, then goes on at `next`. */
  and(mask: number, next: Target): Target {
    this.#next(next);
    return this.#put({ code: BPF.and, whenTrue: 0, whenFalse: 0, k: mask });
  }

  /** The program as `struct sock_filter[]`, little-endian. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(this.#reversed.length * 8);
    const view = new DataView(bytes.buffer);
    for (const [index, instruction] of this.#reversed.toReversed().entries()) {
      view.setUint16(index * 8, instruction.code, true);
      view.setUint8(index * 8 + 2, instruction.whenTrue);
      view.setUint8(index * 8 + 3, instruction.whenFalse);
      view.setUint32(index * 8 + 4, instruction.k, true);
    }
    return bytes;
  }
}
