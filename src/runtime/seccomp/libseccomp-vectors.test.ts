import { describe, expect, test } from "bun:test";
import {
  architecture,
  type Call,
  type Case,
  combine,
  program,
  readSeccompVectors,
} from "../../../test/support/seccomp-vectors.ts";
import { encodeSyscallData, interpretBpf } from "./interpret-bpf.ts";
import { type SeccompArchitecture, syscallNumber } from "./seccomp-architecture.ts";

const KILL_THREAD = 0;
const KILL_PROCESS = 0x8000_0000;

/** What differs from what libseccomp says: none, or the calls as text. */
function tryCall(from: Case, call: Call, programs: (on: SeccompArchitecture) => Uint8Array): readonly string[] {
  return call.architectures.flatMap((column) => {
    const on = architecture(column);
    return call.names.flatMap((name) => {
      const number = /^\d/.test(name) ? Number(name) + on.numberBase : syscallNumber(on, name);
      if (number === undefined) return [`${call.text}: no ${name} on ${column}`];
      return combine(call.args).flatMap((args) => {
        const actual = interpretBpf(programs(on), encodeSyscallData({ number, architecture: on.audit, args }));
        // Where libseccomp kills the thread for an architecture that a filter does not have, we kill the process.
        const isForeign = from.architectures?.includes(column) === false;
        const expected = isForeign && call.expected === KILL_THREAD ? KILL_PROCESS : call.expected;
        return actual === expected ? [] : [`${call.text}: 0x${actual.toString(16)} on ${column}`];
      });
    });
  });
}

const cases = readSeccompVectors();

describe("what libseccomp's tests say", () => {
  for (const each of cases) {
    test(`${each.name}: ${each.calls.length} calls`, () => {
      const made = new Map<SeccompArchitecture, Uint8Array>();
      const programs = (on: SeccompArchitecture): Uint8Array => {
        const known = made.get(on) ?? program(each, on);
        made.set(on, known);
        return known;
      };
      expect(each.calls.flatMap((call) => tryCall(each, call, programs))).toEqual([]);
    });
  }

  test("448 of its 521 cases are here: the others are of other machines or of what the specification cannot say", () => {
    expect(cases.reduce((sum, each) => sum + each.calls.length, 0)).toBe(448);
  });
});
