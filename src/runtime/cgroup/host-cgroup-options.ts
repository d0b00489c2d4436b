import { readCgroup2 } from "../../linux/mount/cgroup-options.ts";
import type { RuntimeSpec } from "../../oci/runtime-spec.ts";

/**
 * The options of the host's v2 hierarchy, for a container that mounts it in the host's cgroup namespace; none for another.
 * Whoever mounts it there decides on its options for the whole machine (cgroup-v2.rst, "Mounting").
 */
export function readHostCgroupOptions({ mounts = [], linux }: RuntimeSpec): readonly string[] {
  const isIsolated = (linux?.namespaces ?? []).some(({ type }) => type === "cgroup");
  const isMounted = mounts.some(({ type }) => type === "cgroup" || type === "cgroup2");
  return isMounted && !isIsolated ? (readCgroup2()?.options ?? []) : [];
}
