import { openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { readHelperBinary } from "../../src/platform/helper-binary.ts";
import { openCgroup } from "../../src/runtime/cgroup/open-cgroup.ts";
import { readPlanFacts } from "../../src/runtime/container/plan-facts.ts";
import { readBundle } from "../../src/runtime/container/read-bundle.ts";
import { withUsableCapabilities } from "../../src/runtime/container/usable-capabilities.ts";
import { encodePlan } from "../../src/runtime/plan/encode-plan.ts";
import { planContainer } from "../../src/runtime/plan/plan-container.ts";

/** The native helper with the plan of a bundle, in control groups that are there already. */
export interface HelperPlan extends AsyncDisposable {
  /** It finds the plan at descriptor 3, which is `planFd` here. */
  readonly command: readonly string[];
  readonly planFd: number;
  readonly groups: readonly string[];
}

/** Plans what `gantry runtime run` of the bundle does after its control groups are made, and before they are removed. */
export async function makeHelperPlan(folder: string): Promise<HelperPlan> {
  const bundle = readBundle(folder);
  const id = `gantry-bench-${process.pid}-helper`;
  const facts = await readPlanFacts(bundle, {
    id,
    environment: process.env,
    withoutPivot: false,
    withoutKeyring: false,
  });
  const cgroup = await openCgroup({ host: detectCgroups(), id, cgroupsPath: `/${id}` });
  await cgroup.create({});
  const { spec } = bundle;
  const [planPath, helper] = [join(folder, "plan"), join(folder, "gantry-helper")];
  const { process: own } = spec;
  if (own === undefined) throw new Error(`${folder}: config.json has no process`);
  const usable = withUsableCapabilities(own, { linux: spec.linux, warn: () => undefined });
  const plan = planContainer(
    { ...spec, process: usable },
    {
      ...facts,
      cgroups: cgroup.folders,
      launch: {
        options: {
          isForeground: true,
          awaitsStart: false,
          isSubreaper: true,
          cleanUp: "never",
          preservedFds: 0,
          again: ["/bin/false", ""],
          outcomeAt: 1,
          holdPid: 0,
        },
        hookState: { ociVersion: spec.ociVersion, id, bundle: folder },
      },
    },
  );
  writeFileSync(planPath, encodePlan(plan));
  writeFileSync(helper, await readHelperBinary(), { mode: 0o755 });
  return {
    command: [helper, "launch", "3"],
    planFd: openSync(planPath, "r"),
    groups: cgroup.folders.map(({ path }) => path),
    [Symbol.asyncDispose]: () => cgroup.remove(),
  };
}
