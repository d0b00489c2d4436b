import { posix } from "node:path";
import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import { parseMountOptions } from "../plan/mount-options.ts";
import { type CgroupFolder, planCgroupMount } from "../plan/plan-cgroup-mounts.ts";
import { planDevices } from "../plan/plan-devices.ts";
import { isBindMount } from "../plan/plan-mounts.ts";

/** A place of the container where something of the host is. */
export interface ExternalPlace {
  /** As the configuration names it: links are not followed yet. */
  readonly destination: string;
  /** A path of the host. */
  readonly source: string;
}

export interface ExternalMountFacts {
  /** What a relative source begins at. */
  readonly bundle: string;
  readonly cgroups: readonly CgroupFolder[];
}

export function isCgroupMount(type: string | undefined): boolean {
  return type === "cgroup" || type === "cgroup2";
}

function clean(path: string): string {
  return posix.normalize(`/${path}`).replace(/(?<=.)\/$/, "");
}

/**
 * Binds of the host's folders that a mount of control groups is made of: v1's, and v2's in a user namespace. What a cgroup
 * namespace shows, and v2's whole hierarchy, are file systems that criu knows.
 */
function cgroupPlaces(
  mount: NonNullable<RuntimeSpec["mounts"]>[number],
  spec: RuntimeSpec,
  cgroups: readonly CgroupFolder[],
): readonly ExternalPlace[] {
  const linux = spec.linux ?? {};
  const isIsolated = (linux.namespaces ?? []).some(({ type }) => type === "cgroup");
  if (isIsolated) return [];
  const places: ExternalPlace[] = [];
  planCgroupMount(
    mount,
    { target: clean(mount.destination), options: parseMountOptions(mount.options ?? []), cause: "" },
    {
      cgroups,
      linux,
      steps: {
        bind: (source, destination) => places.push({ destination, source }),
        create: () => undefined,
        add: () => undefined,
      },
    },
  );
  return places;
}

/**
 * Where a container has something of the host: bind mounts, folders of control groups, and devices, which are bound where
 * they cannot be made. criu cannot dump such mounts, and has to be told of them. Pure.
 */
export function externalPlaces(spec: RuntimeSpec, facts: ExternalMountFacts): readonly ExternalPlace[] {
  const mounts = (spec.mounts ?? []).flatMap((mount) => {
    if (parseMountOptions(mount.options ?? []).isRemount) return [];
    if (isBindMount(mount))
      return [{ destination: clean(mount.destination), source: posix.resolve(facts.bundle, mount.source ?? "") }];
    return isCgroupMount(mount.type) ? cgroupPlaces(mount, spec, facts.cgroups) : [];
  });
  const devices = planDevices(spec.linux?.devices ?? []).flatMap((step) =>
    step.op === "make-device" ? [{ destination: step.path, source: step.path }] : [],
  );
  return [...mounts, ...devices];
}
