import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodePlan } from "./encode-plan.ts";
import { PLAN_MAGIC, type PlanStep } from "./steps.ts";

interface DecodedStep {
  readonly number: number;
  readonly numbers: readonly bigint[];
  readonly strings: readonly string[];
}

/** What native/plan.c reads, with its checks. */
function decode(bytes: Uint8Array): DecodedStep[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [magic, version, length, count] = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
  expect([magic, version, length]).toEqual([PLAN_MAGIC, 1, bytes.length]);
  const steps: DecodedStep[] = [];
  let at = 16;
  while (at < bytes.length) {
    const [numbers, strings, size] = [
      view.getUint16(at + 2, true),
      view.getUint32(at + 4, true),
      view.getUint32(at + 8, true),
    ];
    expect([size % 8, at + size <= bytes.length]).toEqual([0, true]);
    const start = at;
    steps.push({
      number: view.getUint16(at, true),
      numbers: Array.from({ length: numbers }, (_, index) => view.getBigUint64(start + 16 + index * 8, true)),
      strings: Array.from({ length: strings }, (_, index) => {
        const span = start + 16 + numbers * 8 + index * 8;
        const [from, long] = [start + view.getUint32(span, true), view.getUint32(span + 4, true)];
        expect(bytes[from + long]).toBe(0);
        expect(from + long).toBeLessThan(start + size);
        return Buffer.from(bytes.subarray(from, from + long)).toString();
      }),
    });
    at += size;
  }
  expect(steps.length).toBe(count ?? -1);
  return steps;
}

const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0"));
const origin = { cause: "x", task: "x" };
const step: fc.Arbitrary<PlanStep> = fc.oneof(
  fc.tuple(text, text).map(([label, path]): PlanStep => ({ op: "mask-path", label, path, ...origin })),
  fc
    .tuple(text, fc.array(text))
    .map(
      ([upper, lower]): PlanStep => ({ op: "root-overlay", legacy: 0, label: "", upper, work: "w", lower, ...origin }),
    ),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((mask): PlanStep => ({ op: "bounding-set", mask, ...origin })),
  fc.array(text, { minLength: 1 }).map((args): PlanStep => ({ op: "execute", arguments: args, ...origin })),
);

function expected(from: PlanStep): DecodedStep {
  if (from.op === "mask-path") return { number: 22, numbers: [], strings: [from.label, from.path] };
  if (from.op === "root-overlay")
    return { number: 9, numbers: [0n], strings: [from.label, from.upper, "w", ...from.lower] };
  if (from.op === "bounding-set") return { number: 30, numbers: [BigInt(from.mask)], strings: [] };
  if (from.op === "execute") return { number: 38, numbers: [], strings: [...from.arguments] };
  throw new Error(from.op);
}

describe("encodePlan", () => {
  test("what is written is what the helper's reader sees", () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        expect(decode(encodePlan({ steps }))).toEqual(steps.map(expected));
      }),
    );
  });

  test("negative numbers are two's complement", () => {
    const steps: PlanStep[] = [{ op: "oom-score", value: -5, ...origin }];
    expect(decode(encodePlan({ steps }))[0]?.numbers).toEqual([BigInt.asUintN(64, -5n)]);
  });

  test("a NUL would cut a path short, so it is refused", () => {
    expect(() => encodePlan({ steps: [{ op: "mask-path", label: "", path: "/a\0b", ...origin }] })).toThrow("NUL");
  });
});

describe("lengths that do not fit (CVE-2021-43784: runc's were of 16 bits, and what came behind was read as further settings)", () => {
  const joining = (path: string): PlanStep => ({ op: "join-namespace", kind: 1, path, cause: "c", task: "t" });
  const next: PlanStep = { op: "oom-score", value: 7, cause: "c", task: "t" };

  test("a string beyond 64 KiB stays one string, and the step behind it is the next one", () => {
    for (const length of [65_535, 65_536, 65_537, 200_000]) {
      const path = `/${"a".repeat(length - 1)}`;
      const [first, second, ...rest] = decode(encodePlan({ steps: [joining(path), next] }));
      expect([first?.strings, second?.numbers, rest]).toEqual([[path], [7n], []]);
    }
  });

  test("what is larger than a plan may be is refused, and never cut off", () => {
    const path = "a".repeat(9 << 20);
    expect(() => encodePlan({ steps: [joining(path), next] })).toThrow("the container's configuration is too large");
  });
});
