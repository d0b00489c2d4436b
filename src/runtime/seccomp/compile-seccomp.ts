import { GantryError } from "../../errors/gantry-error.ts";
import type { Seccomp } from "../../oci/runtime-spec.ts";
import { BPF, BpfWriter, MAX_INSTRUCTIONS, type Target } from "./bpf-writer.ts";
import { encodeAction, isPermissive } from "./seccomp-action.ts";
import {
  ARCHITECTURE_NAMES,
  findArchitecture,
  type NativeArchitecture,
  nativeArchitecture,
  type SeccompArchitecture,
  X32_BIT,
} from "./seccomp-architecture.ts";
import { encodeFlags } from "./seccomp-flags.ts";
import { type Condition, type Decision, decideSyscalls, lastNamedSyscall } from "./syscall-decisions.ts";

export interface CompiledSeccomp {
  /** `struct sock_filter[]` for seccomp(2). */
  readonly program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_… bits. With NEW_LISTENER (8) seccomp(2) returns a descriptor that somebody has to serve. */
  readonly flags: number;
}

export interface CompileSeccompOptions {
  readonly arch: NativeArchitecture;
  /** The running kernel's release: flags that it lacks are refused. @default every flag is there */
  readonly kernelVersion?: string;
}

// struct seccomp_data (include/uapi/linux/seccomp.h), low word first on both machines.
const OFFSET_NUMBER = 0;
const OFFSET_ARCHITECTURE = 4;
const OFFSET_ARGUMENTS = 16;

const ENOSYS = 38;
function writeWordTest(
  out: BpfWriter,
  word: { readonly offset: number; readonly mask: number },
  test: (out: BpfWriter) => Target,
): Target {
  const compared = test(out);
  const masked = word.mask === 0xffff_ffff ? compared : out.and(word.mask, compared);
  return out.load(word.offset, masked);
}

/** Writes the test of one argument in two halves, the high one first where the argument has it. */
function writeCondition(out: BpfWriter, condition: Condition, whenTrue: Target, whenFalse: Target): Target {
  const [yes, no] = condition.isNegated ? [whenFalse, whenTrue] : [whenTrue, whenFalse];
  const offset = OFFSET_ARGUMENTS + 8 * condition.index;
  const low = { offset, mask: Number(condition.mask & 0xffff_ffffn), value: Number(condition.value & 0xffff_ffffn) };
  const high = { offset: offset + 4, mask: Number(condition.mask >> 32n), value: Number(condition.value >> 32n) };
  if (condition.op === "eq") {
    // A half of which no bit is looked at needs no test.
    const words = [high, low].filter(({ mask }) => mask !== 0);
    return words.reduceRight<Target>(
      (next, { offset: at, mask, value }) =>
        writeWordTest(out, { offset: at, mask }, () =>
          out.branch(BPF.jumpEqual, value, { whenTrue: next, whenFalse: no }),
        ),
      yes,
    );
  }
  const code = condition.op === "gt" ? BPF.jumpGreater : BPF.jumpGreaterEqual;
  const byLow = out.load(low.offset, out.branch(code, low.value, { whenTrue: yes, whenFalse: no }));
  if (condition.bits === 32) return byLow;
  const whenNotGreater = out.branch(BPF.jumpEqual, high.value, { whenTrue: byLow, whenFalse: no });
  return out.load(high.offset, out.branch(BPF.jumpGreater, high.value, { whenTrue: yes, whenFalse: whenNotGreater }));
}

function writeDecision(out: BpfWriter, decision: Decision, fallback: Target): Target {
  return decision.reduceRight<Target>(
    (otherwise, { conditions, action }) =>
      conditions.reduceRight<Target>((next, condition) => writeCondition(out, condition, next, otherwise), {
        returns: action,
      }),
    fallback,
  );
}

/** A run of numbers that are treated alike, from `first` to the next one's. */
interface Segment {
  readonly first: number;
  readonly decision: Decision;
}

const NOT_NAMED: Decision = [];

function simpleAction(decision: Decision): number | undefined {
  return decision[0]?.conditions.length === 0 ? decision[0].action : undefined;
}

function isAlike(a: Decision, b: Decision): boolean {
  if (a.length === 0 || b.length === 0) return a.length === b.length;
  const action = simpleAction(a);
  return action !== undefined && action === simpleAction(b);
}

function segmentsOf(decisions: ReadonlyMap<number, Decision>, after: Segment | undefined): readonly Segment[] {
  const segments: Segment[] = [];
  const add = (first: number, decision: Decision): void => {
    const last = segments.at(-1);
    if (last?.first === first) segments.pop();
    const previous = segments.at(-1);
    if (previous === undefined || !isAlike(previous.decision, decision)) segments.push({ first, decision });
  };
  add(0, NOT_NAMED);
  for (const number of Uint32Array.from(decisions.keys()).sort()) {
    if (after !== undefined && number >= after.first) break;
    add(number, decisions.get(number) ?? NOT_NAMED);
    add(number + 1, NOT_NAMED);
  }
  if (after !== undefined) add(after.first, after.decision);
  return segments;
}

/** Writes a binary search for the number in the accumulator. */
function writeSearch(out: BpfWriter, segments: readonly Segment[], fallback: Target): Target {
  const [only] = segments;
  if (only === undefined) return fallback;
  if (segments.length === 1) return writeDecision(out, only.decision, fallback);
  const middle = segments.length >> 1;
  const right = writeSearch(out, segments.slice(middle), fallback);
  const left = writeSearch(out, segments.slice(0, middle), fallback);
  const first = segments[middle]?.first ?? 0;
  return out.branch(BPF.jumpGreaterEqual, first, { whenTrue: right, whenFalse: left });
}

function architecturesOf(profile: Seccomp, native: NativeArchitecture): readonly SeccompArchitecture[] {
  const all = new Set<SeccompArchitecture>([nativeArchitecture(native)]);
  for (const name of profile.architectures ?? []) {
    const found = findArchitecture(name);
    if (found !== undefined) all.add(found);
    else if (!ARCHITECTURE_NAMES.includes(name)) {
      throw new GantryError(
        "invalid-argument",
        `linux.seccomp.architectures: unknown architecture ${JSON.stringify(name)}`,
      );
    }
    // One that cannot run on this machine never makes a call here; without rules it would be killed if it did.
  }
  return [...all];
}

/** As runc: whoever installs the filter has to write to hand the descriptor on, and could not wait for its own answer. */
function refuseDeadlock(profile: Seccomp): void {
  const notifies = (profile.syscalls ?? []).filter((rule) => rule.action === "SCMP_ACT_NOTIFY");
  if (profile.defaultAction === "SCMP_ACT_NOTIFY" || notifies.some((rule) => rule.names.includes("write"))) {
    throw new GantryError(
      "invalid-argument",
      "linux.seccomp: SCMP_ACT_NOTIFY can be neither the default nor for write",
    );
  }
}

/**
 * Compiles a profile to a classic BPF program, with the meaning that runc and libseccomp give it:
 *
 * - Each architecture has its own numbers; a call by one that the profile does not have kills the process. x32 shares
 *   the value of x86-64 and is told by a bit in the number; without rules for x32 such a call counts as a foreign one,
 *   except -1, by which a tracer skips a call (seccomp(2)).
 * - A call with a number above all that the profile names on that architecture gives ENOSYS unless the default lets
 *   calls pass: so a program with a new libc falls back to an older call, instead of seeing EPERM (runc's `patchbpf`).
 * - See `decideSyscalls` for which rule decides a call.
 *
 * Stricter than libseccomp in two places, where it can be got around: see `isNarrowArgument`, and 32-bit x86's
 * `socketcall` and `ipc` in `decideSyscalls`.
 *
 * @throws `invalid-argument` naming the place in the specification; `unsupported` for a flag that is not known or not there.
 */
export function compileSeccomp(profile: Seccomp, options: CompileSeccompOptions): CompiledSeccomp {
  refuseDeadlock(profile);
  const flags = encodeFlags(profile, options.kernelVersion);
  const fallback: Target = {
    returns: encodeAction(profile.defaultAction, profile.defaultErrnoRet, "linux.seccomp.defaultAction"),
  };
  const foreign: Target = { returns: encodeAction("SCMP_ACT_KILL_PROCESS", undefined, "") };
  const enosys: Decision = [{ conditions: [], action: encodeAction("SCMP_ACT_ERRNO", ENOSYS, "") }];
  const out = new BpfWriter();

  const search = (architecture: SeccompArchitecture): Target => {
    const last = isPermissive(profile.defaultAction) ? undefined : lastNamedSyscall(profile, architecture);
    const after = last === undefined ? undefined : { first: last + 1, decision: enosys };
    return writeSearch(out, segmentsOf(decideSyscalls(profile, architecture), after), fallback);
  };
  const architectures = architecturesOf(profile, options.arch);
  const x32 = architectures.find(({ column }) => column === "x32");
  let next: Target = foreign;
  for (const architecture of architectures.filter((each) => each !== x32).toReversed()) {
    let entry = search(architecture);
    if (architecture.column === "x86_64") {
      const byX32 =
        x32 === undefined
          ? out.branch(BPF.jumpEqual, 0xffff_ffff, { whenTrue: entry, whenFalse: foreign })
          : search(x32);
      entry = out.branch(BPF.jumpGreaterEqual, X32_BIT, { whenTrue: byX32, whenFalse: entry });
    }
    entry = out.load(OFFSET_NUMBER, entry);
    next = out.branch(BPF.jumpEqual, architecture.audit, { whenTrue: entry, whenFalse: next });
  }
  out.load(OFFSET_ARCHITECTURE, next);
  if (out.length > MAX_INSTRUCTIONS) {
    throw new GantryError(
      "invalid-argument",
      `linux.seccomp is too long: ${out.length} instructions, the kernel takes ${MAX_INSTRUCTIONS}`,
      { hint: "name fewer calls with conditions" },
    );
  }
  return { program: out.encode(), flags };
}
