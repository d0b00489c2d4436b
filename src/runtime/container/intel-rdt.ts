import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { IntelRdt, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { type IntelRdtPlan, planIntelRdt, RESCTRL_ROOT } from "../plan/plan-intel-rdt.ts";

export interface IntelRdtOptions {
  readonly id: string;
  /** @default where resctrl belongs */
  readonly root?: string;
}

function planOf(spec: RuntimeSpec, options: IntelRdtOptions): IntelRdtPlan | undefined {
  return spec.linux?.intelRdt === undefined ? undefined : planIntelRdt(spec.linux.intelRdt, options);
}

/** @throws `unsupported` where a container wants resctrl and the host has none. */
export function requireResctrl(spec: RuntimeSpec, root = RESCTRL_ROOT): void {
  if (spec.linux?.intelRdt !== undefined && !existsSync(join(root, "info")))
    throw new GantryError("unsupported", `linux.intelRdt: this host has no resctrl file system at ${root}`, {
      hint: "on processors that have it: mount -t resctrl resctrl /sys/fs/resctrl",
    });
}

/**
 * Makes a container's folders in resctrl and writes its lines.
 *
 * @returns the files that init's number goes into.
 */
export function createIntelRdt(spec: RuntimeSpec, options: IntelRdtOptions): readonly string[] {
  const plan = planOf(spec, options);
  if (plan === undefined) return [];
  const cause = "linux.intelRdt";
  const schemata = join(plan.folder, "schemata");
  const isThere = existsSync(plan.folder);
  if (!isThere && plan.existence === "require")
    throw new GantryError("not-found", `${cause}.closID: the class ${plan.folder} is not there`);
  if (isThere && plan.schemata.length > 0) {
    // It is shared: whoever else is in it has what is there.
    const present = new Set(
      readFileSync(schemata, "utf8")
        .split("\n")
        .map((line) => line.trim()),
    );
    const missing = plan.schemata.find((line) => !present.has(line.trim()));
    if (missing !== undefined)
      throw new GantryError("conflict", `${cause}: the class ${plan.folder} is there without "${missing}"`);
  }
  if (!isThere) {
    mkdirSync(plan.folder);
    // One after the other: the kernel takes a write as one change.
    try {
      for (const line of plan.schemata) writeFileSync(schemata, `${line}\n`, { flag: "a" });
    } catch (error) {
      rmdirSync(plan.folder);
      throw error;
    }
  }
  if (plan.monitorGroup !== undefined) mkdirSync(plan.monitorGroup, { recursive: true });
  return plan.tasks;
}

/**
 * Changes the lines of a container's class, of whoever else is in it too (as runc).
 *
 * @throws `unsupported` where the host has no resctrl; `conflict` for a container without a class.
 */
export function updateIntelRdt(
  spec: RuntimeSpec,
  change: Pick<IntelRdt, "l3CacheSchema" | "memBwSchema">,
  options: IntelRdtOptions,
): void {
  requireResctrl({ ...spec, linux: { intelRdt: change } }, options.root);
  const { intelRdt } = spec.linux ?? {};
  if (intelRdt === undefined)
    throw new GantryError("conflict", `linux.intelRdt: "${options.id}" was made without a class of resctrl`, {
      hint: "a container has one when linux.intelRdt is in its config.json, even if it is empty",
    });
  const { closID, enableMonitoring } = intelRdt;
  const plan = planIntelRdt(
    { ...change, ...(closID === undefined ? {} : { closID }), ...(enableMonitoring ? { enableMonitoring } : {}) },
    options,
  );
  for (const line of plan.schemata) writeFileSync(join(plan.folder, "schemata"), `${line}\n`, { flag: "a" });
}

/** Removes what is the container's own. Idempotent. */
export function removeIntelRdt(spec: RuntimeSpec, options: IntelRdtOptions): void {
  const plan = planOf(spec, options);
  if (plan === undefined) return;
  for (const folder of [plan.monitorGroup, plan.isOwn ? plan.folder : undefined])
    if (folder !== undefined && existsSync(folder)) rmdirSync(folder);
}
