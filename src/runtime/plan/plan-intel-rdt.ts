import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { IntelRdt } from "../../oci/runtime-spec.ts";

/** Where the resctrl file system belongs: Documentation/filesystems/resctrl.rst. */
export const RESCTRL_ROOT = "/sys/fs/resctrl";

export interface IntelRdtPlan {
  /** The class of service. */
  readonly folder: string;
  /** `create`: make it unless it is there; `require`: it has to be there. */
  readonly existence: "create" | "require";
  /** Lines for `schemata`; in a folder that was there, each has to be there already. */
  readonly schemata: readonly string[];
  /** A group that watches this container alone, to be made and to be removed with it. */
  readonly monitorGroup?: string;
  /** The container's own folder: removed with it, if it was made. */
  readonly isOwn: boolean;
  /** Files that init's number is written to, in order. */
  readonly tasks: readonly string[];
}

/** Plans the folders of a container in resctrl (runtime-spec, config-linux.md, "IntelRdt"). Pure. */
export function planIntelRdt(rdt: IntelRdt, options: { readonly id: string; readonly root?: string }): IntelRdtPlan {
  const { id, root = RESCTRL_ROOT } = options;
  const { closID, enableMonitoring = false } = rdt;
  const cause = "linux.intelRdt";
  if (closID !== undefined && (closID === "." || closID === ".." || (closID.length > 1 && closID.includes("/"))))
    throw new GantryError("invalid-argument", `${cause}.closID: not a name of a class: ${JSON.stringify(closID)}`);
  const schemata = [rdt.l3CacheSchema, rdt.memBwSchema, ...(rdt.schemata ?? [])].filter((line) => line !== undefined);
  for (const line of schemata)
    if (line === "" || line.includes("\n"))
      throw new GantryError("invalid-argument", `${cause}: not a line for schemata: ${JSON.stringify(line)}`);
  if (rdt.memBwSchema !== undefined && !rdt.memBwSchema.startsWith("MB:"))
    throw new GantryError("invalid-argument", `${cause}.memBwSchema: it has to begin with "MB:"`);
  const folder = closID === "/" ? root : posix.join(root, closID || id);
  const monitorGroup = posix.join(folder, "mon_groups", id);
  return {
    folder,
    existence: closID && schemata.length === 0 ? "require" : "create",
    schemata,
    ...(enableMonitoring ? { monitorGroup } : {}),
    isOwn: !closID,
    tasks: [posix.join(folder, "tasks"), ...(enableMonitoring ? [posix.join(monitorGroup, "tasks")] : [])],
  };
}
