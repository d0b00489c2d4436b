import { describe, expect, test } from "bun:test";
import type { Seccomp } from "../../oci/runtime-spec.ts";
import { planSeccompFilter } from "./plan-seccomp-filter.ts";
import { seccompFeatures } from "./seccomp-features.ts";
import type { ListenerState } from "./seccomp-listener.ts";

const STATE: ListenerState = { ociVersion: "1.3.0", id: "box", status: "creating", bundle: "/b" };
const OPTIONS = { arch: "x86_64", state: STATE } as const;

function flags(profile: Partial<Seccomp>, kernelVersion?: string): number | undefined {
  const options = kernelVersion === undefined ? OPTIONS : { ...OPTIONS, kernelVersion };
  return planSeccompFilter({ defaultAction: "SCMP_ACT_ALLOW", ...profile }, options)?.flags;
}

describe("planSeccompFilter", () => {
  test("a profile that says nothing is no filter", () => {
    expect(planSeccompFilter(undefined, OPTIONS)).toBeUndefined();
    expect(planSeccompFilter({ syscalls: [] } as unknown as Seccomp, OPTIONS)).toBeUndefined();
    expect(planSeccompFilter({ defaultAction: "SCMP_ACT_ALLOW" }, OPTIONS)?.program.length).toBeGreaterThan(0);
    const rules: Partial<Seccomp> = { syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] };
    expect(() => planSeccompFilter(rules as Seccomp, OPTIONS)).toThrow("linux.seccomp.defaultAction");
  });

  test("without a list of flags speculation is left alone, with an empty one nothing is said", () => {
    expect([flags({}), flags({ flags: [] })]).toEqual([4, 0]);
    expect(flags({}, "4.16.0")).toBe(0);
  });

  test("a flag that the kernel does not have is refused by name", () => {
    const wanted: Partial<Seccomp> = {
      flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
      listenerPath: "/a",
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
    };
    expect(flags(wanted, "6.1.0")).toBe(32 + 8);
    expect(() => flags(wanted, "5.15.0-91-generic")).toThrow("WAIT_KILLABLE_RECV needs Linux 5.19");
    expect(() => flags({ flags: wanted.flags ?? [] })).toThrow("needs a rule with SCMP_ACT_NOTIFY");
  });

  test("the listener is there when a call is asked about", () => {
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: "/run/a",
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
    };
    expect(planSeccompFilter(profile, OPTIONS)?.listener?.path).toBe("/run/a");
    expect(planSeccompFilter({ ...profile, syscalls: [] }, OPTIONS)?.listener).toBeUndefined();
  });
});

test("the features are told, and of the flags those that the kernel has", () => {
  const features = seccompFeatures("5.15.0");
  expect(features.actions).toHaveLength(9);
  expect(features.operators).toHaveLength(7);
  expect(features.archs).toHaveLength(23);
  for (const list of [features.actions, features.operators, features.archs, features.knownFlags])
    expect(list).toEqual(list.toSorted());
  expect(features.knownFlags.filter((name) => !features.supportedFlags.includes(name))).toEqual([
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
  ]);
});
