import { closeSync, openSync, statSync } from "node:fs";
import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { PrivateMounts } from "../../linux/mount/private-mounts.ts";
import type { Mount, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { parseMountOptions } from "../plan/mount-options.ts";
import { isBindMount } from "../plan/plan-mounts.ts";
import { isCgroupMount } from "./external-mounts.ts";
import { makeMountPoint, pathOf } from "./make-mount-point.ts";

function clean(path: string): string {
  return posix.normalize(`/${path}`).replace(/(?<=.)\/$/, "");
}

/** What is on a tmpfs comes with its contents, and cgroups with their own file systems; a remount mounts nothing. */
function isRestored(mount: Mount, mounts: readonly Mount[]): boolean {
  const destination = clean(mount.destination);
  const isBelow = ({ type, destination: above }: Mount): boolean =>
    type === "tmpfs" && destination.startsWith(`${clean(above)}/`);
  return parseMountOptions(mount.options ?? []).isRemount || isCgroupMount(mount.type) || mounts.some(isBelow);
}

function kindOf(mount: Mount, source: string): "folder" | "file" {
  if (!isBindMount(mount)) return "folder";
  try {
    return statSync(source).isDirectory() ? "folder" : "file";
  } catch (error) {
    throw new GantryError("not-found", `cannot mount ${source} on ${mount.destination}`, { cause: error });
  }
}

/**
 * Puts a root filesystem at a mount point of its own (criu wants one), with every place that something was mounted on:
 * those in bound folders too, as the creation of the container made them. Nothing but the root stays mounted.
 *
 * @returns where the destinations of the configuration are in the root, links followed.
 */
export function prepareRoot(
  bundle: { readonly spec: RuntimeSpec; readonly path: string; readonly rootfs: string },
  root: string,
  mounts: PrivateMounts,
): ReadonlyMap<string, string> {
  const resolved = new Map<string, string>();
  mounts.bind(bundle.rootfs, root);
  const rootFd = openSync(root, "r");
  try {
    const wanted = bundle.spec.mounts ?? [];
    for (const mount of wanted.filter((one) => !isRestored(one, wanted))) {
      const destination = clean(mount.destination);
      const source = posix.resolve(bundle.path, mount.source ?? "");
      const fd = makeMountPoint(rootFd, destination, kindOf(mount, source));
      try {
        resolved.set(destination, pathOf(fd).slice(root.length) || "/");
        if (isBindMount(mount)) mounts.bind(source, `/proc/self/fd/${fd}`);
      } finally {
        closeSync(fd);
      }
    }
  } finally {
    closeSync(rootFd);
  }
  // With all that was bound into it.
  mounts.detach(root);
  mounts.bind(bundle.rootfs, root);
  return resolved;
}
