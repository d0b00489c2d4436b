import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { errorCode } from "./cgroup-files.ts";
import type { CgroupHost, CgroupMount } from "./cgroup-host.ts";
import { enableControllers, v2Base } from "./enable-controllers.ts";
import { fillCpuset } from "./fill-cpuset.ts";

/** A container's folder in one hierarchy. It need not be there. */
export interface CgroupPlace {
  readonly mount: CgroupMount;
  readonly path: string;
}

function checkName(name: string): void {
  const parts = name.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\0") || part.length > 255)) {
    throw new GantryError("invalid-argument", `not a name for a control group: ${JSON.stringify(name)}`);
  }
}

/** A container's place in each hierarchy, v1 first. @throws `invalid-argument` for a name that would lead elsewhere. */
export function placesOf(host: CgroupHost, name: string): readonly CgroupPlace[] {
  checkName(name);
  return host.mounts.map((mount) => ({
    mount,
    path: join(mount.version === 2 ? v2Base(mount) : mount.mountPoint, name),
  }));
}

/** Makes the folders from the top down; what each level needs before its children can be used is done on the way. */
export function makeFolders({ mount, path }: CgroupPlace): void {
  const base = mount.version === 2 ? v2Base(mount) : mount.mountPoint;
  const parts = path.slice(base.length + 1).split("/");
  let folder = base;
  for (const [index, part] of parts.entries()) {
    if (mount.version === 2) enableControllers(folder, mount);
    folder = join(folder, part);
    const isLast = index === parts.length - 1;
    try {
      mkdirSync(folder, { mode: 0o755 });
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      if (isLast)
        throw new GantryError("already-exists", `the control group ${folder} is there already`, { cause: error });
    }
    if (mount.version === 1 && mount.controllers.includes("cpuset")) fillCpuset(folder);
  }
}
