import { describe, expect, test } from "bun:test";
import type { Process } from "../../oci/runtime-spec.ts";
import { type ProcessSurroundings, planAffinity, planAttributes, planKeyring } from "./plan-attributes.ts";

const PROCESS: Process = { cwd: "/", user: { uid: 0, gid: 0 }, args: ["sh"] };

const plan = (process: Partial<Process>, linux: ProcessSurroundings = {}) =>
  planAttributes({ ...PROCESS, ...process }, linux);

describe("planAttributes", () => {
  test("nothing that was not asked for", () => {
    expect(plan({})).toEqual({ steps: [], warnings: [] });
  });

  test("each is one step with the kernel's numbers", () => {
    const { steps } = plan(
      {
        scheduler: { policy: "SCHED_RR", priority: 9, flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"] },
        ioPriority: { class: "IOPRIO_CLASS_BE", priority: 5 },
      },
      {
        personality: { domain: "LINUX32" },
        memoryPolicy: { mode: "MPOL_INTERLEAVE", nodes: "0,2,64", flags: ["MPOL_F_RELATIVE_NODES"] },
      },
    );
    expect(steps).toMatchObject([
      { op: "scheduler", policy: 2, priority: 9, flags: 5, nice: 0, runtime: 0 },
      { op: "io-priority", value: (2 << 13) | 5 },
      { op: "personality", persona: 8 },
      { op: "memory-policy", mode: 0x4003, nodes: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0) },
    ]);
  });

  test("a policy of memory without nodes has an empty mask", () => {
    expect(plan({}, { memoryPolicy: { mode: "MPOL_LOCAL" } }).steps).toMatchObject([
      { mode: 4, nodes: new Uint8Array() },
    ]);
  });

  test("a personality's flags are none of the kernel's: a warning", () => {
    const { steps, warnings } = plan({}, { personality: { domain: "LINUX", flags: ["X"] } });
    expect([steps.length, warnings]).toEqual([
      1,
      ["linux.personality.flags: the specification knows no flags yet: X left out"],
    ]);
  });

  const scheduler = (value: object): Partial<Process> => ({ scheduler: value as Process["scheduler"] });
  const memory = (value: object): ProcessSurroundings => ({
    memoryPolicy: value as ProcessSurroundings["memoryPolicy"],
  });
  const refused: readonly (readonly [string, Partial<Process>, ProcessSurroundings?])[] = [
    ["process.scheduler.policy: no such policy: SCHED_X", scheduler({ policy: "SCHED_X" })],
    ["process.scheduler.nice: not from -20 to 19: 20", scheduler({ policy: "SCHED_OTHER", nice: 20 })],
    ["process.scheduler.priority: only SCHED_FIFO and", scheduler({ policy: "SCHED_BATCH", priority: 1 })],
    ["runtime, deadline and period are for SCHED_DEADLINE", scheduler({ policy: "SCHED_FIFO", runtime: 1 })],
    ["process.scheduler.flags: no such flag: X", scheduler({ policy: "SCHED_FIFO", flags: ["X"] })],
    ["process.ioPriority.class: no such class: X", { ioPriority: { class: "X" as "IOPRIO_CLASS_RT", priority: 0 } }],
    ["process.ioPriority.priority: not from 0 to 7: 8", { ioPriority: { class: "IOPRIO_CLASS_RT", priority: 8 } }],
    ["linux.personality.domain: no such personality: BSD", {}, { personality: { domain: "BSD" as "LINUX" } }],
    ["linux.memoryPolicy.mode: no such mode: X", {}, memory({ mode: "X" })],
    ["linux.memoryPolicy.nodes: MPOL_BIND needs nodes", {}, memory({ mode: "MPOL_BIND" })],
    ["linux.memoryPolicy.nodes: MPOL_DEFAULT has no nodes", {}, memory({ mode: "MPOL_DEFAULT", nodes: "0" })],
    ['linux.memoryPolicy.nodes: not a list of nodes: "0-2000"', {}, memory({ mode: "MPOL_BIND", nodes: "0-2000" })],
    ["linux.memoryPolicy.flags: no such flag: X", {}, memory({ mode: "MPOL_BIND", nodes: "0", flags: ["X"] })],
  ];
  for (const [message, process, linux] of refused)
    test(`refuses by name: ${message}`, () => {
      expect(() => plan(process, linux)).toThrow(message);
    });
});

describe("planAffinity", () => {
  test("one set until exec is in its cgroup, another one then", () => {
    const { early, late } = planAffinity({ ...PROCESS, execCPUAffinity: { initial: "0-1", final: "9" } });
    expect(early).toMatchObject([{ early: 1, processors: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0) }]);
    expect(late).toMatchObject([{ early: 0, processors: Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 0) }]);
    expect(planAffinity(PROCESS)).toEqual({ early: [], late: [] });
  });

  test("refuses what is no list", () => {
    expect(() => planAffinity({ ...PROCESS, execCPUAffinity: { final: "1-" } })).toThrow(
      'process.execCPUAffinity.final: not a list of processors: "1-"',
    );
  });
});

describe("planKeyring", () => {
  test("an exec finds it by the container's name; in a user namespace others may search it", () => {
    expect(planKeyring("c1", false)).toMatchObject({ name: "_ses.c1", permissions: 0x80000 });
    expect(planKeyring("", true)).toMatchObject({ name: "", permissions: 8 });
  });
});
