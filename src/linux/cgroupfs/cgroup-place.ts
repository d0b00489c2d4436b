import { mkdirSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { errorCode } from "../../errors/error-code.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupFolder } from "./cgroup-folder.ts";
import type { CgroupHost, CgroupMount } from "./cgroup-host.ts";
import { enableControllers, v2Base } from "./enable-controllers.ts";
import { fillCpuset } from "./fill-cpuset.ts";
import { MARKED_MODE } from "./made-mark.ts";

/** A container's folder in one hierarchy. It need not be there. */
export interface CgroupPlace {
  readonly mount: CgroupMount;
  /** The folder from which on levels are made and controllers handed down; `path` is below it. */
  readonly base: string;
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
  return host.mounts.map((mount) => {
    const base = mount.version === 2 ? v2Base(mount) : mount.mountPoint;
    return { mount, base, path: join(base, name) };
  });
}

/** Where a relative path begins: at our own group, but in v2 beside it, since a group with processes cannot hold others. */
function ownBase(host: CgroupHost, mount: CgroupMount): string {
  const own = mount.ownPath ?? mount.mountPoint;
  return host.mode === "v2" && own !== mount.mountPoint ? dirname(own) : own;
}

/**
 * The places that a specification's `linux.cgroupsPath` means (config-linux.md, "Cgroups Path"): an absolute one is below
 * each mount point, a relative one below this process's own groups, as runc has it. `..` leads nowhere above that.
 *
 * @throws `invalid-argument` for a path that names no group of its own.
 */
export function placesAt(host: CgroupHost, path: string): readonly CgroupPlace[] {
  const isAbsolute = path.startsWith("/");
  const name = posix.normalize(`/${path}`).slice(1).replace(/\/$/, "");
  if (name === "") {
    throw new GantryError("invalid-argument", `linux.cgroupsPath names no group: ${JSON.stringify(path)}`);
  }
  checkName(name);
  return host.mounts.map((mount) => {
    const base = isAbsolute ? mount.mountPoint : ownBase(host, mount);
    return { mount, base, path: join(base, name) };
  });
}

/** The places that such folders are; without those whose hierarchy is not mounted any more. */
export function placesIn(host: CgroupHost, folders: readonly CgroupFolder[]): readonly CgroupPlace[] {
  return folders.flatMap(({ version, path }) => {
    const mount = host.mounts.find((one) => one.version === version && path.startsWith(`${one.mountPoint}/`));
    return mount === undefined ? [] : [{ mount, base: mount.mountPoint, path }];
  });
}

export interface MakeFoldersOptions {
  /** Take a folder that is there already. Default: that is `already-exists`. */
  readonly mayExist?: boolean;
  /** Leave the processes of a folder that has to hand down controllers where they are. Default: see `enableControllers`. */
  readonly movesNothing?: boolean;
  /** Leave out hierarchies that we may not write. Default: that is `permission-denied`. */
  readonly mayLack?: boolean;
  /** What is made has the mark until `unmark`, see `made-mark.ts`. Default: it has not. */
  readonly isMarked?: boolean;
}

/**
 * Makes the folders from the top down; what each level needs before its children can be used is done on the way.
 *
 * @returns whether the last one was made by this call.
 */
export function makeFolders({ mount, base, path }: CgroupPlace, options: MakeFoldersOptions = {}): boolean {
  const parts = path.slice(base === "/" ? 1 : base.length + 1).split("/");
  let folder = base;
  let isMade = false;
  for (const [index, part] of parts.entries()) {
    if (mount.version === 2) enableControllers(folder, mount, { movesNothing: options.movesNothing === true });
    folder = join(folder, part);
    isMade = makeFolder(folder, options.isMarked === true && index === parts.length - 1 ? MARKED_MODE : 0o755);
    if (mount.version === 1 && mount.controllers.includes("cpuset")) fillCpuset(folder);
  }
  if (!isMade && options.mayExist !== true) {
    throw new GantryError("already-exists", `the control group ${folder} is there already`);
  }
  return isMade;
}

function makeFolder(folder: string, mode: number): boolean {
  try {
    mkdirSync(folder, { mode });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}
