import { expect, test } from "bun:test";
import { forProcess, planSeccomp } from "./container-security.ts";

const HOST = { architecture: "x86_64", kernelRelease: "6.1.0-13-amd64" } as const;
const OPTIONS = { host: HOST, capabilities: [] };

test("a filter is compiled once, and none is there for an empty profile", () => {
  const filter = planSeccomp(undefined, OPTIONS);
  expect(filter?.program.length).toBeGreaterThan(0);
  expect(planSeccomp({ seccomp: "builtin" }, { ...OPTIONS }) === filter).toBe(true);
  expect(planSeccomp({ seccomp: "{}" }, OPTIONS)).toBeUndefined();
});

test("an agent is told of the process that has the filter, another filter has no agent", () => {
  const profile = {
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath: "/run/agent",
    syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
  };
  const state = { id: "box", status: "creating", bundle: "/b" } as const;
  const asking = planSeccomp({ seccomp: JSON.stringify(profile) }, OPTIONS);
  const plain = planSeccomp({}, OPTIONS);
  if (asking === undefined || plain === undefined) throw new Error("no filter");
  expect(forProcess(asking, state).listener?.path).toBe("/run/agent");
  expect(forProcess(plain, state)).not.toHaveProperty("listener");
});
