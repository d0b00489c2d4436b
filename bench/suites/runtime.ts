import { alternate, type Contender, runDetached, runToEnd } from "../alternate.ts";
import type { BenchPeers } from "../bench-peers.ts";
import type { Bundle, Runtime } from "../peers/bundle.ts";
import { makeHelperPlan } from "../peers/helper-plan.ts";
import type { Row } from "../report.ts";
import { target, valuesOf } from "./run.ts";

const ROUNDS = { rounds: 30, warmUps: 5 };
const RUNTIMES = ["gantry", "runc", "crun"] as const;

function runs(bundle: Bundle, runtime: Runtime | "bare"): Contender {
  return {
    name: runtime,
    async run() {
      runToEnd(bundle.commandOf(runtime));
      return undefined;
    },
  };
}

/** As an engine does it: three calls, each a process of its own. */
function createsAndStarts(bundle: Bundle, runtime: Runtime): Contender {
  return {
    name: runtime,
    async run() {
      for (const call of bundle.lifeOf(runtime)) runDetached(call);
      return undefined;
    },
  };
}

/** The native helper and the bare calls, in the same groups: what the checks, the reports and the safe look-ups of paths cost. */
async function benchHelper(bundle: Bundle): Promise<Row> {
  await using plan = await makeHelperPlan(bundle.folder);
  const helper: Contender = {
    name: "gantry",
    async run() {
      runDetached(plan.command, plan.planFd);
      return undefined;
    },
  };
  const bare: Contender = {
    name: "bare",
    async run() {
      runDetached(bundle.bareIn(plan.groups));
      return undefined;
    },
  };
  const values = valuesOf(await alternate([helper, bare], { rounds: 200, warmUps: 10 }));
  return {
    what: "runtime: the native helper alone, with a plan of the bundle",
    unit: "ms",
    values,
    ...target("1.3 × bare", values.bare, 1.3),
  };
}

/** OCI runtimes on the same bundle, each as a fresh process. */
export async function benchRuntime({ bundle }: BenchPeers): Promise<readonly Row[]> {
  if (bundle === undefined) return [];
  const whole = valuesOf(
    await alternate(
      [...RUNTIMES, "bare" as const].map((name) => runs(bundle, name)),
      ROUNDS,
    ),
  );
  const lives = valuesOf(
    await alternate(
      RUNTIMES.map((name) => createsAndStarts(bundle, name)),
      ROUNDS,
    ),
  );
  return [
    {
      what: "runtime: `run` (bare: its system calls in C)",
      unit: "ms",
      values: whole,
      ...target("runc", whole.runc, 1),
    },
    { what: "runtime: `create`, `start`, `delete`", unit: "ms", values: lives, ...target("runc", lives.runc, 1) },
    await benchHelper(bundle),
  ];
}
